import { isUsableToken } from '../base/formats.js'
import type { HttpFailure, HttpResponse } from '../base/http-client.js'
import { field, isJsonObject, parseJsonObject, type JsonObject } from '../base/json.js'
import { reasonOfExchange, type Reason } from '../base/reasons.js'
import { readRetryAfter } from '../base/retry-after.js'
import type { Settled } from './answer-keeper.js'
import { AuthError } from '../base/errors.js'
import type { TokenVerifier, VerifiedToken } from '../tokens/index.js'
import type { RefreshOutcome } from './refresh.js'
import { startTimeLimit } from '../base/time-limit.js'

/** Trouble at the refresh API. */
export type UpstreamTrouble = Extract<Settled, { readonly kind: 'unavailable' }>

const refusals: ReadonlySet<unknown> = new Set([
  'invalid_grant',
  'invalid_token',
  'invalid_refresh_token',
  'expired_token',
])

/**
 * Reads an answer of the refresh API: tokens in one of the three accepted forms; a refusal by 401, or by 400 whose
 * JSON names one of four codes to the letter; trouble whatever else it is.
 */
export function readUpstreamAnswer(response: HttpResponse, now: number): Settled {
  const { status } = response
  if (status >= 200 && status < 300) return readTokens(response)
  if (status === 401 || (status === 400 && namesRefusal(response))) return refused
  const isNoAnswer = status === 429 || status >= 500
  return trouble(
    isNoAnswer ? 503 : 502,
    `status_${status}`,
    readRetryAfter(response.headers['retry-after'], now),
  )
}

/** Returns the outcome of a call without an answer. */
export function readUpstreamFailure(failure: HttpFailure): UpstreamTrouble {
  // An answer that is too large is an answer, but not a usable one.
  return trouble(failure.kind === 'too-large' ? 502 : 503, reasonOfExchange(failure.kind))
}

/** Creates the outcome of trouble at the refresh API. @param retryAfterSeconds - 1 if the API named no time */
export function trouble(status: 502 | 503, reason: Reason, retryAfterSeconds = 1): UpstreamTrouble {
  return { kind: 'unavailable', status, reason, retryAfterSeconds, target: 'refresh' }
}

const refused: Settled = { kind: 'refused', reason: 'upstream' }

function readTokens(response: HttpResponse): Settled {
  const tokens = findTokens(parseJsonObject(response.body))
  if (!tokens) return trouble(502, 'no_access_token')
  const refreshToken = field(tokens, 'refreshToken')
  const { accessToken } = tokens
  if (refreshToken === undefined || refreshToken === null || refreshToken === '') {
    return { kind: 'answered', accessToken }
  }
  // The client could not present such a token again, and would lose its session an hour later.
  if (!isUsableToken(refreshToken)) return trouble(502, 'unusable_refresh_token')
  return { kind: 'answered', accessToken, refreshToken }
}

function findTokens(answer: JsonObject | null): (JsonObject & { readonly accessToken: string }) | undefined {
  const data = objectIn(answer, 'data')
  return [answer, data, objectIn(data, 'tokens')].find(holdsAccessToken)
}

function objectIn(object: JsonObject | null, name: string): JsonObject | null {
  const value = field(object, name)
  return isJsonObject(value) ? value : null
}

function holdsAccessToken(
  object: JsonObject | null,
): object is JsonObject & { readonly accessToken: string } {
  const accessToken = field(object, 'accessToken')
  return typeof accessToken === 'string' && accessToken !== ''
}

function namesRefusal(response: HttpResponse): boolean {
  const answer = parseJsonObject(response.body)
  return ['error', 'code'].some((name) => refusals.has(field(answer, name)))
}

type Refreshed = Extract<RefreshOutcome, { readonly kind: 'refreshed' }>

/** The judgement of an upstream's answer, which decides what the callers get. */
export type Verdict =
  | { readonly kind: 'good'; readonly outcome: Refreshed; readonly expiresAt: number }
  /** The key set is down, so the token cannot be verified yet: the answer is worth keeping. */
  | { readonly kind: 'unknown'; readonly outcome: UpstreamTrouble }
  | { readonly kind: 'final'; readonly outcome: Exclude<RefreshOutcome, Refreshed> }

/** The settled call, and the way in which its caller got it. */
export interface Answer {
  readonly settled: Settled
  /** The refresh token that was presented. */
  readonly presented: string
  readonly how: Refreshed['how']
}

/** Creates a function that verifies the access token of a settled call, anew for each caller. It never rejects. */
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
