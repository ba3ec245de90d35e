import { parseJsonObject } from '../base/json.js'
import { isSignedBy } from './signature.js'
import { readVerificationKeys } from './verification-key.js'

/** A key that may verify member JWTs. */
export interface MemberKey {
  readonly kid: string | undefined
  /** Whether it made the signature of this token; nothing else of the token is looked at. */
  isSignerOf(token: string): boolean
}

/** The keys of a JWKS (RFC 7517 §5) that may verify member JWTs; null where this is no JWKS. */
export function readMemberKeys(jwks: string): readonly MemberKey[] | null {
  const keys = readVerificationKeys(parseJsonObject(jwks), ['RS256'])
  return keys?.map((key) => ({ kid: key.kid, isSignerOf: (token) => isSignedBy(token, key) })) ?? null
}
