import type { KeySet } from './key-set.js'
import type { SignatureAlgorithm } from './verification-key.js'

/** One issuer whose tokens are taken, and everything they are held to. */
export interface TokenIssuer {
  /** Whose tokens: our own access tokens, or member JWTs of Memberstack. */
  readonly kind: 'own' | 'member'
  /** `iss`, to the letter. */
  readonly issuer: string
  /** `aud`, or one of it (RFC 7519 §4.1.3). */
  readonly audience: string
  readonly algorithms: readonly SignatureAlgorithm[]
  /** The `typ` that a token must have, with or without `application/` (RFC 9068 §4). */
  readonly typ?: string | undefined
  readonly keySet: KeySet
  /** Where the member's id stands. */
  readonly memberIdClaim: 'sub' | 'id'
}

/** What the two kinds of issuers are told. */
export interface TokenIssuerOptions {
  readonly issuer: string
  readonly audience: string
  readonly keySet: KeySet
}

/** Our own access tokens: ES256, `at+jwt` (RFC 9068), the member in `sub`. */
export function ownIssuer(options: TokenIssuerOptions): TokenIssuer {
  return { ...options, kind: 'own', algorithms: ['ES256'], typ: 'at+jwt', memberIdClaim: 'sub' }
}

/** Memberstack's member JWTs: RS256, the member in `id`. */
export function memberIssuer(options: TokenIssuerOptions): TokenIssuer {
  return { ...options, kind: 'member', algorithms: ['RS256'], memberIdClaim: 'id' }
}
