import { AuthError } from '../base/errors.js'
import type { TokenVerifier, VerifiedToken } from '../tokens/index.js'
import type { RefreshOutcome } from './refresh-source.js'
import type { Settled } from './sealed-answer.js'
import { startTimeLimit } from '../base/time-limit.js'
import { trouble, type UpstreamTrouble } from './upstream-answer.js'

type Refreshed = Extract<RefreshOutcome, { readonly kind: 'refreshed' }>

/** What may be handed to the caller of a settled call. */
export type Verdict =
  | { readonly kind: 'good'; readonly outcome: Refreshed; readonly expiresAt: number }
  /** There is no telling yet (the key set is away): the answer is worth keeping. */
  | { readonly kind: 'unknown'; readonly outcome: UpstreamTrouble }
  | { readonly kind: 'final'; readonly outcome: Exclude<RefreshOutcome, Refreshed> }

/** The settled call, and how its caller came by it. */
export interface Answer {
  readonly settled: Settled
  /** The refresh token that was presented. */
  readonly presented: string
  readonly how: Refreshed['how']
}

/** Verifies the access token of a settled call, anew for whoever it is handed to. Never rejects. */
export function createAnswerVerifier(options: {
  readonly verifier: Pick<TokenVerifier, 'verify'>
  readonly verifySeconds: number
}): (answer: Answer) => Promise<Verdict> {
  const verify = async (accessToken: string): Promise<VerifiedToken | UpstreamTrouble> => {
    try {
      return await options.verifier.verify(accessToken)
    } catch (error) {
      return toTrouble(error)
    }
  }
  return async ({ settled, presented, how }) => {
    if (settled.kind !== 'answered') return { kind: 'final', outcome: settled }
    const { accessToken, refreshToken } = settled
    const verified = await startTimeLimit(options.verifySeconds).race(verify(accessToken), keysAway())
    if (verified.kind === 'unavailable') {
      return { kind: verified.status === 503 ? 'unknown' : 'final', outcome: verified }
    }
    if (verified.kind === 'own') return { kind: 'final', outcome: trouble(502, 'foreign_access_token') }
    const outcome: Refreshed = {
      kind: 'refreshed',
      accessToken,
      ...(refreshToken === undefined || refreshToken === presented ? {} : { refreshToken }),
      memberId: verified.memberId,
      how,
    }
    return { kind: 'good', outcome, expiresAt: verified.expiresAt }
  }
}

function toTrouble(error: unknown): UpstreamTrouble {
  if (!(error instanceof AuthError) || error.status >= 500) {
    return keysAway(error instanceof AuthError ? error.retryAfterSeconds : undefined)
  }
  const isExpired = error.code === 'AUTH_TOKEN_EXPIRED'
  return trouble(502, isExpired ? 'expired_access_token' : 'unverifiable_access_token')
}

function keysAway(retryAfterSeconds?: number): UpstreamTrouble {
  return { ...trouble(503, 'key_set_away', retryAfterSeconds), target: 'jwks' }
}
