import type { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import type { Clock } from '../base/time.js'
import { type AdminApi, type MemberTokenClaims, memberTokenClaimsFrom } from '../members/index.js'
import {
  clockToleranceSeconds,
  decodeToken,
  type CheckMemberSignature,
  type DecodedToken,
} from '../tokens/index.js'

/** The time that a sign-in waits for the admin API's quota, over all its requests, in seconds. */
export const signInWaitSeconds = 5

/** The rules for member JWTs at the exchange. */
export interface MemberTokenRules {
  /** The accepted `aud`. */
  readonly appId: string
  /** The accepted `iss`. */
  readonly memberstackIssuer: string
  /** The largest age of a member JWT, in seconds. @defaultValue no limit other than `exp` */
  readonly signInMaxAgeSeconds?: number | undefined
  readonly clock: Clock
  /** The clock by which a JWT may be not yet valid. @defaultValue `clock` */
  readonly latestClock?: Clock | undefined
}

/** Options of {@link createVerifyMemberToken}. */
export interface MemberTokenOptions extends MemberTokenRules {
  readonly adminApi: Pick<AdminApi, 'verifyMemberToken'>
  readonly checkSignature: CheckMemberSignature
}

/** The reason why the exchange refuses a member JWT. */
export type MemberTokenProblem =
  /** The token is not a compact JWS in its canonical form. */
  | { readonly reason: 'malformed' }
  /** `id`, `iat`, `exp`, `aud` or `iss` is missing or not valid, or `type` or `nbf` is not valid. */
  | { readonly reason: 'claims' }
  | { readonly reason: 'audience' | 'issuer'; readonly wanted: string }
  /** `nbf` or `iat` is later than now, by more than the clock tolerance. */
  | { readonly reason: 'not_yet_valid'; readonly validFrom: number }
  | { readonly reason: 'expired'; readonly expiresAt: number }
  /** The token is older than `maxAgeSeconds`. */
  | { readonly reason: 'too_old'; readonly issuedAt: number; readonly maxAgeSeconds: number }

/** Verifies a member JWT, with trusted keys or by asking Memberstack over https, and checks its audience, issuer and age. */
export type VerifyMemberToken = (token: string, caller: SignInCaller) => Promise<MemberTokenClaims>

/** The caller of a sign-in. */
export interface SignInCaller {
  readonly requestId: string
  /** The address of the caller: sign-ins of one address share a turn for the admin API's quota. @defaultValue unknown */
  readonly address?: string | undefined
  /**
   * Called before the admin API is asked about a member JWT that nothing here can verify.
   * @throws {@link AuthError} `AUTH_RATE_LIMITED`: too many requests of this address were refused
   */
  readonly beforeAsking?: (() => Promise<void>) | undefined
}

/**
 * Creates the verification of member JWTs for the exchange.
 * @throws {@link AuthError} from the function returned: `AUTH_TOKEN_INVALID`, `AUTH_TOKEN_EXPIRED`, `AUTH_UNAVAILABLE`
 */
export function createVerifyMemberToken(options: MemberTokenOptions): VerifyMemberToken {
  const { adminApi, checkSignature } = options
  const ask = async (token: string, memberId: string, caller: SignInCaller): Promise<MemberTokenClaims> => {
    await caller.beforeAsking?.()
    const reading = await adminApi.verifyMemberToken(token, {
      waitSeconds: signInWaitSeconds,
      requestId: caller.requestId,
      caller: { lane: 'stranger', key: caller.address ?? '' },
    })
    if (reading.kind === 'unavailable') {
      const { retryAfterSeconds } = reading
      throw failure('memberstackUnavailable', { retryAfterSeconds })
    }
    if (reading.kind === 'refused') throw failure('memberTokenInvalid', { reason: 'refused' })
    // An answer about another member comes from a cache or a proxy between here and Memberstack.
    if (reading.claims.id !== memberId) throw failure('memberstackUnavailable', { reason: 'malformed' })
    refuse(judgeClaims(reading.claims, options))
    return reading.claims
  }
  return async (token, caller) => {
    // A token that is wrong by its own content, or by its signature, costs no request of the quota.
    const judged = judgeContent(token, options)
    if ('reason' in judged) throw errorOf(judged)
    const finding = await checkSignature(token, judged.decoded)
    if (finding === 'invalid') throw failure('memberTokenInvalid', { reason: 'signature' })
    return finding === 'valid' ? judged.claims : await ask(token, judged.claims.id, caller)
  }
}

/**
 * Judges a member JWT as the exchange does before it asks Memberstack: the signature is not verified. Returns the first
 * problem, or null if the content of the token is no reason to refuse it.
 * @example
 * const rules = { appId, memberstackIssuer: 'https://api.memberstack.com', clock: systemClock }
 * judgeMemberToken(memberJwt, rules)?.reason // for example 'expired'
 */
export function judgeMemberToken(token: string, rules: MemberTokenRules): MemberTokenProblem | null {
  const judged = judgeContent(token, rules)
  return 'reason' in judged ? judged : null
}

interface MemberTokenContent {
  readonly decoded: DecodedToken
  readonly claims: MemberTokenClaims
}

function judgeContent(token: string, rules: MemberTokenRules): MemberTokenContent | MemberTokenProblem {
  const decoded = decodeToken(token)
  if (!decoded) return { reason: 'malformed' }
  const claims = memberTokenClaimsFrom(decoded.claims)
  if (!claims) return { reason: 'claims' }
  const { nbf = claims.iat } = decoded.claims
  if (typeof nbf !== 'number') return { reason: 'claims' }
  return judgeStart(nbf, rules) ?? judgeClaims(claims, rules) ?? { decoded, claims }
}

function judgeClaims(claims: MemberTokenClaims, rules: MemberTokenRules): MemberTokenProblem | null {
  const { appId, memberstackIssuer, signInMaxAgeSeconds: maxAgeSeconds = Infinity, clock } = rules
  const { aud, iss, iat, exp } = claims
  if (![aud].flat().includes(appId)) return { reason: 'audience', wanted: appId }
  if (iss !== memberstackIssuer) return { reason: 'issuer', wanted: memberstackIssuer }
  if (!Number.isFinite(iat) || !Number.isFinite(exp)) return { reason: 'claims' }
  const now = clock()
  const early = judgeStart(iat, rules)
  if (early) return early
  if (now >= exp) return { reason: 'expired', expiresAt: exp }
  return now >= iat + maxAgeSeconds ? { reason: 'too_old', issuedAt: iat, maxAgeSeconds } : null
}

function judgeStart(
  startsAt: number,
  { clock, latestClock = clock }: MemberTokenRules,
): MemberTokenProblem | null {
  const validFrom = startsAt - clockToleranceSeconds
  return latestClock() < validFrom ? { reason: 'not_yet_valid', validFrom } : null
}

function refuse(problem: MemberTokenProblem | null): void {
  if (problem) throw errorOf(problem)
}

function errorOf({ reason }: MemberTokenProblem): AuthError {
  const isOver = reason === 'expired' || reason === 'too_old'
  return failure(isOver ? 'memberTokenExpired' : 'memberTokenInvalid', { reason })
}
