import { createHash, createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'

import { field, type JsonObject } from '../base/json.js'
import type { Secrets } from '../base/secrets.js'
import { createEs256Signer, type Sign } from './es256.js'
import type { StoredSigningKey } from './signing-key-store.js'
import { readVerificationKey, type VerificationKey } from './verification-key.js'

/** A signing key as this process holds it. */
export interface SigningKey {
  readonly kid: string
  readonly createdAt: number
  /** The public JWK, as published. */
  readonly publicJwk: PublicJwk
  readonly verificationKey: VerificationKey
  /** Makes an `at+jwt` (RFC 9068 §2) with this `kid`. */
  readonly sign: Sign
}

/** A P-256 public key (RFC 7517, RFC 7518 §6.2.1). */
export interface PublicJwk {
  readonly kty: 'EC'
  readonly crv: 'P-256'
  readonly x: string
  readonly y: string
  readonly kid: string
  readonly use: 'sig'
  readonly alg: 'ES256'
}

/** Makes an ES256 key, ready to be kept. */
export async function generateSigningKey(secrets: Secrets, now: number): Promise<StoredSigningKey> {
  const { privateKey: pem } = await promisify(generateKeyPair)('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const publicJwk = readPublicJwk(publicPartOf(pem))
  if (!publicJwk) throw new TypeError('node:crypto made no P-256 key')
  const { kid } = publicJwk
  return {
    kid,
    publicJwk: JSON.stringify(publicJwk),
    sealedPrivateKey: secrets.seal('signing-keys', kid, pem),
    createdAt: Math.floor(now),
  }
}

/** A kept key, opened; null where no secret opens it, or it is not the key that its `kid` names. */
export function openSigningKey(stored: StoredSigningKey, secrets: Secrets): SigningKey | null {
  const { kid, createdAt } = stored
  const pem = secrets.unseal('signing-keys', kid, stored.sealedPrivateKey)
  // Only the sealed part is authentic: a public key that someone wrote into the store must not verify his forgeries.
  if (pem === null) return null
  const publicJwk = readPublicJwk(publicPartOf(pem))
  if (publicJwk?.kid !== kid) return null
  const verificationKey = readVerificationKey({ ...publicJwk }, ['ES256'], [])
  if (!verificationKey) return null
  const sign = createEs256Signer({ typ: 'at+jwt', kid }, createPrivateKey(pem))
  return { kid, createdAt, publicJwk, verificationKey, sign }
}

/** By way of PEM: exporting a key right after it was generated hung now and then. */
function publicPartOf(pem: string): JsonObject {
  return { ...createPublicKey(pem).export({ format: 'jwk' }) }
}

/** The key as anyone may see it, named by its thumbprint. */
function readPublicJwk(jwk: JsonObject | null): PublicJwk | null {
  const x = field(jwk, 'x')
  const y = field(jwk, 'y')
  if (typeof x !== 'string' || typeof y !== 'string') return null
  return { kty: 'EC', crv: 'P-256', x, y, kid: thumbprint(x, y), use: 'sig', alg: 'ES256' }
}

/** RFC 7638 §3: the members that make the key, in this order, without white space. */
function thumbprint(x: string, y: string): string {
  return createHash('sha256')
    .update(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y }))
    .digest('base64url')
}
