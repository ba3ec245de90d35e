import { parseJsonObject } from '../base/json.js'
import type { KeptReading } from './kept-reading.js'
import { readVerificationKeys, type SignatureAlgorithm, type VerificationKey } from './verification-key.js'

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
