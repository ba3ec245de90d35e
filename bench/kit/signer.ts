import { createHash, generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import jsonwebtoken from 'jsonwebtoken'

/** A key pair that signs JWTs. */
export interface Signer {
  readonly kid: string
  /** The public key. */
  readonly jwk: JsonWebKey
  /** The private key, PKCS #8 in PEM. */
  readonly pem: string
  /** Signs claims; another `kid` names a key that did not sign. */
  readonly sign: (claims: object, kid?: string) => string
}

/** Creates one for member JWTs (RS256) or access tokens (ES256). The default `kid` is the thumbprint of RFC 7638. */
export function createSigner(alg: 'RS256' | 'ES256', name?: string): Signer {
  const { publicKey, privateKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = publicKey.export({ format: 'jwk' })
  const kid = name ?? thumbprintOf(key)
  const typ = alg === 'RS256' ? 'JWT' : 'at+jwt'
  return {
    kid,
    jwk: { ...key, kid, alg, use: 'sig' },
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    sign(claims, signedKid = kid) {
      const header = { alg, typ, kid: signedKid }
      return jsonwebtoken.sign(claims, privateKey, { algorithm: alg, header })
    },
  }
}

/** Reads the claims of a JWT without verification. @throws Error if it is not one */
export function claimsOf(token: string): Readonly<Record<string, unknown>> {
  const claims = jsonwebtoken.decode(token, { json: true })
  if (claims) return claims
  throw new Error('no figure from errors: not a JWT')
}

function thumbprintOf({ crv, kty, x, y }: JsonWebKey): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
}
