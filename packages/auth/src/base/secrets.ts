import {
  createHmac,
  createSecretKey,
  hkdfSync,
  timingSafeEqual,
  type KeyObject,
  createCipheriv,
  createDecipheriv,
  randomBytes,
} from 'node:crypto'

/** The use of a derived key. Each purpose has a key of its own (HKDF, RFC 5869). */
export type KeyPurpose = 'refresh-token' | 'signing-keys' | 'member' | 'session' | 'epoch' | 'device'

/** Returns random bytes. Passed in, so that tests can repeat them. */
export type RandomBytes = (length: number) => Uint8Array

/**
 * The keys derived from `PERENNIAL_SECRET` for one app. The first secret signs and seals; all of them verify and open, so
 * that a secret can be changed without signing anyone out. A key id of four bytes names each of them and reveals nothing
 * about it.
 */
export interface Secrets {
  /** The key id of the first secret. */
  readonly currentKeyId: Uint8Array
  /** HMAC-SHA256 under the current key. */
  readonly mac: (purpose: KeyPurpose, data: Uint8Array) => Uint8Array
  /** Returns true if `mac` is that of `data` under the key with this id; false for an unknown key. Constant time. */
  readonly verifyMac: (purpose: KeyPurpose, keyId: Uint8Array, data: Uint8Array, mac: Uint8Array) => boolean
  /** Returns `base64url(keyId ‖ HMAC-SHA256 over the text, its first 128 bits)` under the current key. */
  readonly mark: (purpose: KeyPurpose, text: string) => string
  /** Returns true if a secret made this mark of this text. Constant time. */
  readonly verifyMark: (purpose: KeyPurpose, text: string, mark: string) => boolean
  /** Seals a text under the current key. `context` binds it to its place. */
  readonly seal: (purpose: KeyPurpose, context: string, plainText: string) => string
  /** Returns the text, or null if no secret opens it or it was sealed for another context. */
  readonly unseal: (purpose: KeyPurpose, context: string, sealed: string) => string | null
  /** Opens what a version sealed whose keys did not name the app. For taking up a store of such a version, and nothing else. */
  readonly unsealEarlier: (purpose: KeyPurpose, context: string, sealed: string) => string | null
  /** Returns true if a text was sealed under the current secret. If not, seal it again. */
  readonly isSealedByCurrent: (sealed: string) => boolean
}

/** Options of {@link createSecrets}. */
export interface SecretsOptions {
  /** The app that the keys are for: under one secret, two apps have different keys. */
  readonly appId: string
  readonly randomBytes: RandomBytes
}

const keyIdLength = 4
/** The length of a mark's MAC in bytes. */
const markLength = 16

/** Decodes the secrets as they are configured: base64, newest first, in a list or in one text separated by commas. */
export function decodeSecrets(secret: string | readonly string[]): readonly Uint8Array[] {
  const listed = typeof secret === 'string' ? secret.split(',') : secret
  return listed.map((one) => Buffer.from(one.trim(), 'base64'))
}

/**
 * Derives the keys of all secrets.
 * @param secrets - newest first; each at least 32 bytes
 * @throws TypeError if there is none, or one is too short
 */
export function createSecrets(
  secrets: readonly Uint8Array[],
  { appId, randomBytes }: SecretsOptions,
): Secrets {
  const keys = secrets.map((secret) => deriveKeys(secret, appId))
  const current = keys[0]
  if (!current) throw new TypeError('at least one secret is needed')
  const earlier = secrets.map((secret) => deriveKeys(secret, ''))
  // A refresh token of an earlier version is as good as the row of its session, which names the app.
  const verifying = (purpose: KeyPurpose) => (purpose === 'refresh-token' ? [...keys, ...earlier] : keys)
  return {
    currentKeyId: current.id,
    mac: (purpose, data) => hmac(current.of(purpose), data),
    verifyMac(purpose, keyId, data, mac) {
      const key = findKey(verifying(purpose), keyId)
      return key !== undefined && equalBytes(hmac(key.of(purpose), data), mac)
    },
    ...createMarking(keys, current),
    seal(purpose, context, text) {
      const sealed = seal(current.of(purpose), { context, text, nonce: randomBytes(nonceLength) })
      return Buffer.concat([current.id, sealed]).toString('base64url')
    },
    unseal: (purpose, context, sealed) => unsealWith(keys, { purpose, context, sealed }),
    unsealEarlier: (purpose, context, sealed) => unsealWith(earlier, { purpose, context, sealed }),
    isSealedByCurrent: (sealed) =>
      equalBytes(Buffer.from(sealed, 'base64url').subarray(0, keyIdLength), current.id),
  }
}

function createMarking(
  keys: readonly SecretKeys[],
  current: SecretKeys,
): Pick<Secrets, 'mark' | 'verifyMark'> {
  return {
    mark(purpose, text) {
      const mac = hmac(current.of(purpose), text).subarray(0, markLength)
      return Buffer.concat([current.id, mac]).toString('base64url')
    },
    verifyMark(purpose, text, mark) {
      const bytes = Buffer.from(mark, 'base64url')
      const key = findKey(keys, bytes.subarray(0, keyIdLength))
      if (!key) return false
      return equalBytes(hmac(key.of(purpose), text).subarray(0, markLength), bytes.subarray(keyIdLength))
    },
  }
}

function findKey(keys: readonly SecretKeys[], keyId: Uint8Array): SecretKeys | undefined {
  return keys.find((key) => equalBytes(key.id, keyId))
}

function unsealWith(
  keys: readonly SecretKeys[],
  { purpose, context, sealed }: { purpose: KeyPurpose; context: string; sealed: string },
): string | null {
  const bytes = Buffer.from(sealed, 'base64url')
  const key = findKey(keys, bytes.subarray(0, keyIdLength))
  return key ? unseal(key.of(purpose), context, bytes.subarray(keyIdLength)) : null
}

interface SecretKeys {
  readonly id: Uint8Array
  of(purpose: KeyPurpose): KeyObject
}

/** @param appId - the salt of the derivation; empty for the keys of versions that did not name the app */
function deriveKeys(secret: Uint8Array, appId: string): SecretKeys {
  if (secret.length < 32) throw new TypeError('a secret must have at least 32 bytes')
  const derive = (purpose: string, length: number) =>
    new Uint8Array(hkdfSync('sha256', secret, appId, `perennial ${purpose}`, length))
  const derived = new Map<KeyPurpose, KeyObject>()
  return {
    id: derive('key id', keyIdLength),
    of(purpose) {
      const known = derived.get(purpose)
      if (known) return known
      // With bytes in place of a KeyObject, Node 24 takes five times as long at every use.
      const key = createSecretKey(derive(purpose, 32))
      derived.set(purpose, key)
      return key
    },
  }
}

function hmac(key: KeyObject, data: Uint8Array | string): Uint8Array {
  return createHmac('sha256', key).update(data).digest()
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

const algorithm = 'aes-256-gcm'
const tagLength = 16

/** The length of the nonce that {@link seal} takes, in bytes. */
export const nonceLength = 12

/**
 * Encrypts a text with AES-256-GCM (NIST SP 800-38D). `context` is authenticated with it, so that a sealed text cannot be
 * moved to another place. Returns nonce, ciphertext and tag, one after the other.
 * @param key - a `KeyObject`: with bytes, Node 24 takes five times as long at every use
 */
export function seal(
  key: KeyObject,
  { context, text, nonce }: { readonly context: string; readonly text: string; readonly nonce: Uint8Array },
): Buffer {
  const cipher = createCipheriv(algorithm, key, nonce).setAAD(Buffer.from(context))
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
}

/** Decrypts what {@link seal} made. Returns null if it was sealed under another key or for another context, or was changed. */
export function unseal(key: KeyObject, context: string, sealed: Uint8Array): string | null {
  if (sealed.length < nonceLength + tagLength) return null
  const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceLength), {
    authTagLength: tagLength,
  })
  decipher.setAAD(Buffer.from(context)).setAuthTag(sealed.subarray(-tagLength))
  const body = decipher.update(sealed.subarray(nonceLength, -tagLength))
  try {
    return Buffer.concat([body, decipher.final()]).toString('utf8')
  } catch {
    // `final` throws only if the tag is wrong, which is the answer null.
    return null
  }
}

const poolLength = 4096
/** Longer results are secrets, not nonces or ids, and are never cut from a pool. */
const longestPooled = 16

/**
 * Random bytes of the system's generator. Nonces and ids are cut from 4 KiB drawn at once, as Node does for `randomUUID`:
 * a call of the generator costs much more than its bytes. No byte is handed out twice, and none stays in the pool.
 */
export function createRandomBytes(): RandomBytes {
  let pool = new Uint8Array(0)
  let used = 0
  return (length) => {
    if (length > longestPooled) return randomBytes(length)
    if (used + length > pool.length) {
      pool = randomBytes(poolLength)
      used = 0
    }
    // A copy: what is cut out of the pool would share its memory.
    const bytes = new Uint8Array(pool.subarray(used, used + length))
    pool.fill(0, used, used + length)
    used += length
    return bytes
  }
}
