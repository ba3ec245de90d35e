import { createPublicKey, type KeyObject } from 'node:crypto'
import { isJsonObject, type JsonObject, parseJsonObject } from '../base/json.js'
import type { KeptReading } from './kept-reading.js'

/** The supported signature algorithms (RFC 7518 §3.1): RS256 of Memberstack, ES256 of our own tokens. */
export type SignatureAlgorithm = 'RS256' | 'ES256'

/** A public key that may verify signatures. It is the same object while its set contains it unchanged. */
export interface VerificationKey {
  readonly kid: string | undefined
  readonly algorithm: SignatureAlgorithm
  readonly publicKey: KeyObject
  /** The identity of the key: its kid, algorithm and material. */
  readonly identity: string
}

const maxKeys = 100
const maxKidLength = 256
const minModulusBits = 2048
const maxModulusBits = 8192
const minExponent = 65_537n
const maxExponent = 0xffff_ffffn
/** The members that only private or symmetric keys have (RFC 7518 §6.2.2, §6.3.2, §6.4.1). */
const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/**
 * Reads the keys of a JWKS (RFC 7517 §5) that may verify a signature of one of these algorithms. All others are ignored,
 * so the valid keys stay usable beside an invalid one. A key of `known` that is still in the set is the same object again.
 * Returns null if this is not a JWKS.
 */
export function readVerificationKeys(
  jwks: JsonObject | null,
  algorithms: readonly SignatureAlgorithm[],
  known: readonly VerificationKey[] = [],
): readonly VerificationKey[] | null {
  const list = jwks?.['keys']
  if (!Array.isArray(list)) return null
  const keys = new Map<string, VerificationKey>()
  for (const jwk of list.slice(0, maxKeys)) {
    const key = isJsonObject(jwk) ? readVerificationKey(jwk, algorithms, known) : null
    if (key) keys.set(key.identity, key)
  }
  return [...keys.values()]
}

/** Reads one key of a JWKS; null if it must not verify signatures. */
export function readVerificationKey(
  jwk: JsonObject,
  algorithms: readonly SignatureAlgorithm[],
  known: readonly VerificationKey[] = [],
): VerificationKey | null {
  const algorithm = algorithmOf(jwk, algorithms)
  if (!algorithm || !isForVerifying(jwk)) return null
  const kid = jwk['kid']
  if (kid !== undefined && !isKid(kid)) return null
  const material = materialOf(jwk, algorithm)
  if (!material) return null
  const identity = JSON.stringify([kid ?? null, algorithm, material])
  const same = known.find((key) => key.identity === identity)
  if (same) return same
  const publicKey = importPublicKey(material, algorithm)
  return publicKey && { kid, algorithm, publicKey, identity }
}

/** Returns true if the value is valid as a `kid`: any string of at most 256 characters. */
export function isKid(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxKidLength
}

/** Returns the algorithm of a key, which its type decides. An `alg` in the JWK must be the same (RFC 7517 §4.4). */
function algorithmOf(jwk: JsonObject, allowed: readonly SignatureAlgorithm[]): SignatureAlgorithm | null {
  const { kty, crv, alg } = jwk
  const algorithm = kty === 'RSA' ? 'RS256' : 'ES256'
  const isKnownType = kty === 'RSA' || (kty === 'EC' && crv === 'P-256')
  const agrees = alg === undefined || alg === algorithm
  return isKnownType && agrees && allowed.includes(algorithm) ? algorithm : null
}

function isForVerifying(jwk: JsonObject): boolean {
  if (secretMembers.some((name) => Object.hasOwn(jwk, name))) return false
  const { use, key_ops: operations } = jwk
  if (use !== undefined && use !== 'sig') return false
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'))
}

/** Returns the members that define the key. Only these are passed to the importer. */
function materialOf(jwk: JsonObject, algorithm: SignatureAlgorithm): Record<string, string> | null {
  const material: Record<string, string> = {}
  for (const name of algorithm === 'RS256' ? ['kty', 'n', 'e'] : ['kty', 'crv', 'x', 'y']) {
    const value = jwk[name]
    if (typeof value !== 'string' || value.length > maxModulusBits / 4) return null
    material[name] = value
  }
  return material
}

function importPublicKey(material: Record<string, string>, algorithm: SignatureAlgorithm): KeyObject | null {
  try {
    const key = createPublicKey({ key: material, format: 'jwk' })
    return algorithm === 'ES256' || isStrongRsa(key) ? key : null
  } catch {
    // Node throws on material that is not a key (a point off the curve, an empty modulus). It is ignored, as other invalid keys are.
    return null
  }
}

/** Returns true for a modulus and exponent of safe size. With `e = 1` anyone can sign, and Node accepts such keys. */
function isStrongRsa(key: KeyObject): boolean {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  if (modulusLength < minModulusBits || modulusLength > maxModulusBits) return false
  return publicExponent >= minExponent && publicExponent <= maxExponent && publicExponent % 2n === 1n
}

/** The key that the header of a token asks for. */
export interface WantedKey {
  readonly kid: string | undefined
  readonly algorithm: SignatureAlgorithm
}

/** The public keys of one issuer. */
export interface KeySet {
  /**
   * Returns the keys that may have signed a token with this header: those of its `kid` (several, if the set uses one
   * twice), or without a `kid` the only key for the algorithm. An empty list means that the token cannot be trusted.
   * @throws {@link AuthError} `AUTH_UNAVAILABLE` if the keys cannot be read now (thrown, or rejected)
   */
  find(wanted: WantedKey, now: number): readonly VerificationKey[] | Promise<readonly VerificationKey[]>
  /** Returns true while a key is in the set. Called at every use of a token that was verified before. */
  holds(key: VerificationKey, now: number): boolean
  /** Resolves when the keys have been read. @throws {@link AuthError} `AUTH_UNAVAILABLE` */
  ready(): Promise<void>
}

/**
 * Creates a key set from a JWKS that never changes.
 * @param jwks - RFC 7517 §5, as JSON
 * @throws TypeError if it is not a JWKS, or contains no key that may verify one of these algorithms
 */
export function createPinnedKeySet(jwks: string, algorithms: readonly SignatureAlgorithm[]): KeySet {
  const keys = readVerificationKeys(parseJsonObject(jwks), algorithms)
  if (!keys) throw new TypeError('the pinned key set is not a JWKS: {"keys":[…]}')
  if (keys.length === 0)
    throw new TypeError(`the pinned key set has no usable key for ${algorithms.join(', ')}`)
  return createFixedKeySet(keys)
}

/** Creates a key set of these keys, which never changes. */
export function createFixedKeySet(keys: readonly VerificationKey[]): KeySet {
  return {
    find: (wanted) => selectKeys(keys, wanted),
    holds: (key) => keys.includes(key),
    ready: async () => {},
  }
}

/**
 * Creates a key set of a reading that is renewed. A `kid` that is not in the set causes another reading, as often as the
 * reading allows.
 */
export function createKeySetOf<T extends { readonly keys: readonly VerificationKey[] }>(
  reading: KeptReading<T>,
  ready: () => Promise<unknown>,
): KeySet {
  return {
    find(wanted, now) {
      const value = reading.get(now)
      // This reading has just begun, so a `kid` that it lacks needs no further reading.
      if (value instanceof Promise) return value.then(({ keys }) => selectKeys(keys, wanted))
      const found = selectKeys(value.keys, wanted)
      if (found.length > 0 || wanted.kid === undefined) return found
      return reading.getNewer(now)?.then(({ keys }) => selectKeys(keys, wanted)) ?? found
    },
    holds(key, now) {
      reading.refreshIfDue(now)
      return reading.last?.keys.includes(key) ?? false
    },
    async ready() {
      await ready()
    },
  }
}

function selectKeys(
  keys: readonly VerificationKey[],
  { kid, algorithm }: WantedKey,
): readonly VerificationKey[] {
  const fitting = keys.filter((key) => key.algorithm === algorithm && (kid === undefined || key.kid === kid))
  return kid === undefined && fitting.length !== 1 ? [] : fitting
}

/** A key that may verify member JWTs. */
export interface MemberKey {
  readonly kid: string | undefined
}

/** Reads the keys of a JWKS (RFC 7517 §5) that may verify member JWTs; null if the text is not a JWKS. */
export function readMemberKeys(jwks: string): readonly MemberKey[] | null {
  const keys = readVerificationKeys(parseJsonObject(jwks), ['RS256'])
  return keys?.map(({ kid }) => ({ kid })) ?? null
}
