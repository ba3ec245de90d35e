import { createHash, createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { field, type JsonObject } from '../base/json.js'
import type { Secrets } from '../base/secrets.js'
import { createEs256Signer, type Sign } from './signature.js'
import { readVerificationKey, type VerificationKey } from './key-set.js'
import { accessTokenMaxSeconds } from './expiry.js'

/** A signing key in the store. The private part is sealed under the secret, the public part is readable. */
export interface StoredSigningKey {
  /** RFC 7638 thumbprint of the public key. */
  readonly kid: string
  /** The public JWK, as JSON. */
  readonly publicJwk: string
  /** The private key (PKCS #8 PEM), sealed. */
  readonly sealedPrivateKey: string
  readonly createdAt: number
}

/** The signing keys in the store, shared by all instances. A store that cannot answer rejects with `AUTH_UNAVAILABLE`. */
export interface SigningKeyStore {
  /** Returns all keys, oldest first. */
  list(): Promise<readonly StoredSigningKey[]>
  /**
   * Adds a key if the newest key is still `newestKid` (null: there is no key), and returns true if it did. So if several
   * instances need a new key at once, one of them adds it.
   */
  add(key: StoredSigningKey, newestKid: string | null): Promise<boolean>
  /** Replaces the sealed private part, after a change of the secret. */
  reseal(kid: string, sealedPrivateKey: string): Promise<void>
  remove(kid: string): Promise<void>
}

/** A signing key that was opened. */
export interface SigningKey {
  readonly kid: string
  readonly createdAt: number
  /** The public JWK, as published. */
  readonly publicJwk: PublicJwk
  readonly verificationKey: VerificationKey
  /** Signs claims as an `at+jwt` (RFC 9068 §2) with this `kid`. */
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

/** Generates an ES256 key and seals it for the store. */
export async function generateSigningKey(secrets: Secrets, now: number): Promise<StoredSigningKey> {
  const { privateKey: pem } = await promisify(generateKeyPair)('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const publicJwk = readPublicJwk(publicPartOf(pem))
  if (!publicJwk) throw new TypeError('node:crypto generated no P-256 key')
  const { kid } = publicJwk
  return {
    kid,
    publicJwk: JSON.stringify(publicJwk),
    sealedPrivateKey: secrets.seal('signing-keys', kid, pem),
    createdAt: Math.floor(now),
  }
}

/** Opens a stored key; null if no secret opens it, or if its `kid` is not its thumbprint. */
export function openSigningKey(stored: StoredSigningKey, secrets: Secrets): SigningKey | null {
  const { kid, createdAt } = stored
  const pem = secrets.unseal('signing-keys', kid, stored.sealedPrivateKey)
  // Only the sealed part is authentic. A public key that an attacker wrote into the store must not verify tokens.
  if (pem === null) return null
  const publicJwk = readPublicJwk(publicPartOf(pem))
  if (publicJwk?.kid !== kid) return null
  const verificationKey = readVerificationKey({ ...publicJwk }, ['ES256'])
  if (!verificationKey) return null
  const sign = createEs256Signer({ typ: 'at+jwt', kid }, createPrivateKey(pem))
  return { kid, createdAt, publicJwk, verificationKey, sign }
}

/** Reads the public JWK by way of PEM: the export of a key that was just generated sometimes hung. */
function publicPartOf(pem: string): JsonObject {
  return { ...createPublicKey(pem).export({ format: 'jwk' }) }
}

/** Returns the public JWK with its thumbprint as `kid`. */
function readPublicJwk(jwk: JsonObject | null): PublicJwk | null {
  const x = field(jwk, 'x')
  const y = field(jwk, 'y')
  if (typeof x !== 'string' || typeof y !== 'string') return null
  return { kty: 'EC', crv: 'P-256', x, y, kid: thumbprint(x, y), use: 'sig', alg: 'ES256' }
}

/** Computes the thumbprint of RFC 7638 §3: the required members in this order, without white space. */
export function thumbprint(x: string, y: string): string {
  return createHash('sha256')
    .update(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y }))
    .digest('base64url')
}

/** The facts of a key on which the plan depends. */
export interface PlannedKey {
  readonly kid: string
  readonly createdAt: number
  /** True if one of our secrets opens the key. */
  readonly canSign: boolean
}

/** The intervals in the life of a key, in seconds. */
export interface SigningPolicy {
  /** The time for which a key signs. */
  readonly rotateAfterSeconds: number
  /** The time for which a key is published before it signs, so that verifiers which cache the key set have it by then. */
  readonly publishAheadSeconds: number
}

/** The plan for the current keys. */
export interface SigningPlan {
  /** The `kid` of the key to sign with; null if no key can sign. */
  readonly signer: string | null
  readonly wantsNewKey: boolean
  /** The keys that have signed no token which may still be valid. */
  readonly retired: readonly string[]
}

/** The time for which another instance may go on signing before it reads that a newer key signs; its clock may be wrong. */
const lateInstanceSeconds = 900

/** Plans the use of signing keys; `keys` are sorted, oldest first. */
export function planSigningKeys(
  keys: readonly PlannedKey[],
  now: number,
  { rotateAfterSeconds, publishAheadSeconds }: SigningPolicy,
): SigningPlan {
  const usable = keys.filter((key) => key.canSign)
  const newest = usable.at(-1)
  // If no key has been published long enough, most verifiers know the one that was published first.
  const signer = usable.findLast((key) => now >= key.createdAt + publishAheadSeconds) ?? usable[0]
  const drainSeconds = publishAheadSeconds + accessTokenMaxSeconds + lateInstanceSeconds
  const successor = usable.findLastIndex((key) => now >= key.createdAt + drainSeconds)
  const heir = usable[successor]
  return {
    signer: signer?.kid ?? null,
    wantsNewKey: !newest || now >= newest.createdAt + rotateAfterSeconds - publishAheadSeconds,
    retired: heir ? keys.slice(0, keys.indexOf(heir)).map((key) => key.kid) : [],
  }
}
