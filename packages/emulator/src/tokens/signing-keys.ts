import { createPrivateKey, createPublicKey, generateKeyPair, randomBytes, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { JSONWebKeySet, JWK } from 'jose'

/** The key that signs now. */
export interface SigningKey {
  readonly kid: string
  readonly privateKey: KeyObject
}

/** The RSA keys behind the key set. */
export interface SigningKeys {
  readonly current: () => SigningKey
  readonly keySet: () => JSONWebKeySet
  /** Signs with a new key from now on; the old ones stay in the key set, or leave it. */
  rotate(oldKeys: 'keep' | 'remove'): Promise<void>
}

const generate = promisify(generateKeyPair)

async function newKey(): Promise<SigningKey & { readonly publicJwk: JWK }> {
  // Through PEM: exporting a freshly generated key straight to a JWK hung about once in a hundred on Node 20.
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

/** Generates the first key (2048-bit RSA). */
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
