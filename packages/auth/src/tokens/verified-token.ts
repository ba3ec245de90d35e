import type { MemberstackUser } from '../base/member.js'

/** The claims of a verified token, as they stood in it. */
export interface VerifiedClaims {
  readonly iss: string
  readonly iat: number
  readonly exp: number
  readonly [name: string]: unknown
}

/** A token that passed. The same object comes back for as long as the token stays cached. */
export interface VerifiedToken {
  /** Whose: Perennial's own access token, or a member JWT of Memberstack. */
  readonly kind: 'own' | 'member'
  /** `sub` of our own tokens, `id` of Memberstack's. */
  readonly memberId: string
  readonly claims: VerifiedClaims
  /** `min(exp, iat + 3600)`, in seconds. */
  readonly expiresAt: number
  readonly kid: string | undefined
  /**
   * Who it stands for, once somebody has put that together. Kept here and not in a map beside it, whose look-up would cost
   * more than all else: with many tokens in use, what counts is how much memory a request touches.
   */
  user: MemberstackUser | null
  /** What the rest of `user` was taken from; null: the token told everything. */
  userFrom: MemberstackUser | null
}

/** Verifies access tokens; at once where the answer is known. */
export interface TokenVerifier {
  /**
   * A token that passed before, and is still good; undefined for one that has to be verified.
   * @throws {@link AuthError} `AUTH_TOKEN_EXPIRED`
   */
  recall(token: string): VerifiedToken | undefined
  /**
   * @throws {@link AuthError} `AUTH_TOKEN_INVALID`, `AUTH_TOKEN_EXPIRED`, or `AUTH_UNAVAILABLE` when the key set was never
   * read. Thrown from a synchronous call, rejected from an asynchronous one.
   */
  verify(token: string): VerifiedToken | Promise<VerifiedToken>
}
