import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto'

/** What a derived key is for; each purpose has a key of its own (HKDF, RFC 5869). */
export type KeyPurpose = 'refresh-token' | 'signing-keys' | 'member'

/** Random bytes, passed in so that tests can repeat them. */
export type RandomBytes = (length: number) => Uint8Array

/**
 * What is derived from `PERENNIAL_SECRET`. The first secret signs and seals; all of them verify and open, so that a
 * secret can be changed without signing anyone out. Each is named by a key id of four bytes that tells nothing of it.
 */
export interface Secrets {
  /** The key id of the first secret. */
  readonly currentKeyId: Uint8Array
  /** HMAC-SHA256 under the current key. */
  mac(purpose: KeyPurpose, data: Uint8Array): Uint8Array
  /** Whether `mac` is that of `data` under the key named `keyId`; false for an unknown key. Constant time. */
  verifyMac(purpose: KeyPurpose, keyId: Uint8Array, data: Uint8Array, mac: Uint8Array): boolean
  /** AES-256-GCM under the current key; `context` binds the text to its place, so that it cannot be moved elsewhere. */
  seal(purpose: KeyPurpose, context: string, plainText: string): string
  /** The text, or null when no secret opens it or it was sealed for another context. */
  unseal(purpose: KeyPurpose, context: string, sealed: string): string | null
  /** Whether this was sealed under the current secret; if not, seal it again. */
  isSealedByCurrent(sealed: string): boolean
}

const keyIdLength = 4
const nonceLength = 12
const tagLength = 16

/** The secrets as they are configured: base64, newest first, in one text with commas between them or one by one. */
export function decodeSecrets(secret: string | readonly string[]): readonly Uint8Array[] {
  const listed = typeof secret === 'string' ? secret.split(',') : secret
  return listed.map((one) => Buffer.from(one.trim(), 'base64'))
}

/**
 * @param secrets - newest first; each at least 32 bytes
 * @throws TypeError when there is none or one is too short
 */
export function createSecrets(secrets: readonly Uint8Array[], randomBytes: RandomBytes): Secrets {
  const keys = secrets.map(deriveKeys)
  const current = keys[0]
  if (!current) throw new TypeError('at least one secret is needed')
  const keyOf = (keyId: Uint8Array) => keys.find((key) => equalBytes(key.id, keyId))

  return {
    currentKeyId: current.id,
    mac: (purpose, data) => hmac(current.of(purpose), data),
    verifyMac(purpose, keyId, data, mac) {
      const key = keyOf(keyId)
      return key !== undefined && equalBytes(hmac(key.of(purpose), data), mac)
    },
    seal: (purpose, context, plainText) =>
      seal(current, purpose, context, plainText, randomBytes(nonceLength)),
    unseal(purpose, context, sealed) {
      const bytes = Buffer.from(sealed, 'base64url')
      const key = keyOf(bytes.subarray(0, keyIdLength))
      return key ? unseal(key, purpose, context, bytes) : null
    },
    isSealedByCurrent: (sealed) =>
      equalBytes(Buffer.from(sealed, 'base64url').subarray(0, keyIdLength), current.id),
  }
}

interface SecretKeys {
  readonly id: Uint8Array
  of(purpose: KeyPurpose): KeyObject
}

function deriveKeys(secret: Uint8Array): SecretKeys {
  if (secret.length < 32) throw new TypeError('a secret must have at least 32 bytes')
  const derive = (purpose: string, length: number) =>
    new Uint8Array(hkdfSync('sha256', secret, '', `perennial ${purpose}`, length))
  const derived = new Map<KeyPurpose, KeyObject>()
  return {
    id: derive('key id', keyIdLength),
    of(purpose) {
      const known = derived.get(purpose)
      if (known) return known
      // Bytes as a key cost Node 24 five times as much at every use: it finds out by exceptions that they are no KeyObject.
      const key = createSecretKey(derive(purpose, 32))
      derived.set(purpose, key)
      return key
    },
  }
}

function seal(
  keys: SecretKeys,
  purpose: KeyPurpose,
  context: string,
  plainText: string,
  nonce: Uint8Array,
): string {
  const cipher = createCipheriv('aes-256-gcm', keys.of(purpose), nonce)
  cipher.setAAD(Buffer.from(context))
  const body = Buffer.concat([cipher.update(plainText, 'utf8'), cipher.final()])
  return Buffer.concat([keys.id, nonce, body, cipher.getAuthTag()]).toString('base64url')
}

function unseal(keys: SecretKeys, purpose: KeyPurpose, context: string, bytes: Buffer): string | null {
  if (bytes.length < keyIdLength + nonceLength + tagLength) return null
  const nonce = bytes.subarray(keyIdLength, keyIdLength + nonceLength)
  const decipher = createDecipheriv('aes-256-gcm', keys.of(purpose), nonce, { authTagLength: tagLength })
  decipher.setAAD(Buffer.from(context))
  decipher.setAuthTag(bytes.subarray(-tagLength))
  try {
    const body = decipher.update(bytes.subarray(keyIdLength + nonceLength, -tagLength))
    return Buffer.concat([body, decipher.final()]).toString('utf8')
  } catch (error) {
    // A wrong tag is the answer "not ours", not a failure; anything else is one.
    if (error instanceof Error && /authenticate/.test(error.message)) return null
    throw error
  }
}

function hmac(key: KeyObject, data: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(data).digest()
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
