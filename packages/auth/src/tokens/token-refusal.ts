import type { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'

/** Why a token was refused, in one word, for logs and metrics only. */
export type TokenRefusal =
  /** Not a compact JWS in its canonical form. */
  | 'malformed'
  /** A header parameter that names or embeds a key, or an extension. */
  | 'header'
  | 'issuer'
  | 'algorithm'
  | 'type'
  /** No key that we trust has this `kid`. */
  | 'key'
  | 'signature'
  | 'audience'
  | 'claims'
  | 'not_yet_valid'

/** `AUTH_TOKEN_INVALID`: one answer for all, the reason is for the log. */
export function invalidToken(reason: TokenRefusal): AuthError {
  return failure('accessTokenInvalid', { reason })
}

/** `AUTH_TOKEN_EXPIRED`: rightly signed, but its hour is over. */
export function expiredToken(): AuthError {
  return failure('accessTokenExpired')
}
