import { parseJsonObject } from '../json.js'
import { readVerificationKeys, type VerificationKey } from './verification-key.js'

export type { VerificationKey } from './verification-key.js'

/** The keys of a JWKS (RFC 7517 §5) that may verify member JWTs; null where this is no JWKS. */
export function readMemberKeys(jwks: string): readonly VerificationKey[] | null {
  return readVerificationKeys(parseJsonObject(jwks), ['RS256'])
}
