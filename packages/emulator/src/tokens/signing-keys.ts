import { createPrivateKey, createPublicKey, generateKeyPair, randomBytes, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { JSONWebKeySet, JWK } from 'jose'

/** The private key that signs, and its id. */
export interface SigningKey {
  readonly kid: string
  readonly privateKey: KeyObject
}

/** The RSA keys of the key set. */
export interface SigningKeys {
  readonly current: () => SigningKey
  readonly keySet: () => JSONWebKeySet
  /** Creates a new signing key. The old keys stay in the key set or are removed from it. */
  rotate(oldKeys: 'keep' | 'remove'): Promise<void>
}

const generate = promisify(generateKeyPair)

async function newKey(): Promise<SigningKey & { readonly publicJwk: JWK }> {
  // Through PEM: on Node 20 the direct export of a new key to a JWK hung in about one of a hundred cases.
  const pem = await generate('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const kid = `emulator-${randomBytes(6).toString('hex')}`
  const { kty, n, e } = createPublicKey(pem.publicKey).export({ format: 'jwk' })
  if (kty !== 'RSA' || n === undefined || e === undefined) throw new TypeError('no RSA key was generated')
  return {
    kid,
    privateKey: createPrivateKey(pem.privateKey),
    publicJwk: { kty, n, e, kid, alg: 'RS256', use: 'sig' },
  }
}

/** Creates the first key (2048-bit RSA). */
export async function createSigningKeys(): Promise<SigningKeys> {
  let current = await newKey()
  let published = [current.publicJwk]
  return {
    current: () => current,
    keySet: () => ({ keys: published }),
    async rotate(oldKeys) {
      current = await newKey()
      published = oldKeys === 'keep' ? [current.publicJwk, ...published] : [current.publicJwk]
    },
  }
}
