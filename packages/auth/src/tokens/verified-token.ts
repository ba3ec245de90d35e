import type { JsonObject } from '../base/json.js'
import type { MemberstackUser } from '../base/member.js'

/** The claims of a verified token. */
export interface VerifiedClaims {
  readonly iss: string
  readonly iat: number
  readonly exp: number
  readonly [name: string]: unknown
}

/** A verified token. While it is cached, every verification of the same token returns the same object. */
export interface VerifiedToken {
  /** `own`: an access token of Perennial. `member`: a member JWT of Memberstack. */
  readonly kind: 'own' | 'member'
  /** `sub` of our own tokens, `id` of Memberstack's. */
  readonly memberId: string
  readonly claims: VerifiedClaims
  /** `min(exp, iat + 3600)`, in seconds. */
  readonly expiresAt: number
  readonly kid: string | undefined
  /**
   * The user of the token; null until the user context has set it. It is kept here and not in a map of its own, because the
   * look-up in such a map would cost more than all other work: with many tokens in use, the cost of a request is the memory
   * that it reads.
   */
  user: MemberstackUser | null
  /** The user from whom the fields that the token lacks were taken; null if the token contains all fields. */
  userFrom: MemberstackUser | null
}

/** Verifies access tokens, without a promise where the answer is known. */
export interface TokenVerifier {
  /**
   * Returns a token that was verified before and is still valid, or undefined if the token must be verified.
   * @throws {@link AuthError} `AUTH_TOKEN_EXPIRED`
   */
  recall(token: string): VerifiedToken | undefined
  /**
   * Verifies a token. The error is thrown if the call is synchronous, or else rejects the promise.
   * @throws {@link AuthError} `AUTH_TOKEN_INVALID`, `AUTH_TOKEN_EXPIRED`, or `AUTH_UNAVAILABLE` if the key set was never read
   */
  verify(token: string): VerifiedToken | Promise<VerifiedToken>
}

/** The claim that contains the generation of the refresh token that was issued with an access token of ours. */
export const generationClaim = 'gen'

/** The session of an access token of ours. */
export interface SessionClaims {
  readonly sessionId: string
  /** The generation of the refresh token that was issued with the access token. */
  readonly generation: number
}

/** Returns the session and generation of an access token of ours; null for a member JWT, which has no session. */
export function sessionOf(token: VerifiedToken): SessionClaims | null {
  return token.kind === 'own' ? readSession(token.claims) : null
}

/** Reads `sid` and `gen`; null if one of them is missing or not valid. */
export function readSession(claims: JsonObject): SessionClaims | null {
  const { sid, [generationClaim]: generation } = claims
  if (typeof sid !== 'string' || sid === '') return null
  if (typeof generation !== 'number' || !Number.isSafeInteger(generation) || generation < 1) return null
  return { sessionId: sid, generation }
}
