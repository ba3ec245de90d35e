import { parseJsonObject } from '../base/json.js'
import type { KeptReading } from './kept-reading.js'
import { readVerificationKeys, type SignatureAlgorithm, type VerificationKey } from './verification-key.js'

/** What a token's header says about the key that signed it. */
export interface WantedKey {
  readonly kid: string | undefined
  readonly algorithm: SignatureAlgorithm
}

/** The public keys of one issuer. */
export interface KeySet {
  /**
   * The keys that a token with this header may have been signed by: those of its `kid` (several, where a set uses one
   * twice), or without a `kid` the only one there is for the algorithm. None: the token is not to be trusted.
   * @throws {@link AuthError} `AUTH_UNAVAILABLE`: it cannot be known now (thrown at once, or rejected).
   */
  find(wanted: WantedKey, now: number): readonly VerificationKey[] | Promise<readonly VerificationKey[]>
  /** Whether a key is still in the set; asked at every use of a token that was verified before. */
  holds(key: VerificationKey, now: number): boolean
  /** Resolves once keys are at hand. @throws {@link AuthError} `AUTH_UNAVAILABLE` */
  ready(): Promise<void>
}

/**
 * A key set that never changes.
 * @param jwks - RFC 7517 §5, as JSON
 * @throws TypeError when it is no JWKS, or has no key that may verify one of these algorithms
 */
export function createPinnedKeySet(jwks: string, algorithms: readonly SignatureAlgorithm[]): KeySet {
  const keys = readVerificationKeys(parseJsonObject(jwks), algorithms)
  if (!keys) throw new TypeError('the pinned key set is not a JWKS: {"keys":[…]}')
  if (keys.length === 0)
    throw new TypeError(`the pinned key set has no usable key for ${algorithms.join(', ')}`)
  return {
    find: (wanted) => selectKeys(keys, wanted),
    holds: (key) => keys.includes(key),
    ready: async () => {},
  }
}

/** A key set over a reading that changes: read again for a `kid` it lacks, but only as often as the reading allows. */
export function createKeySetOf<T extends { readonly keys: readonly VerificationKey[] }>(
  reading: KeptReading<T>,
  ready: () => Promise<unknown>,
): KeySet {
  return {
    find(wanted, now) {
      const value = reading.get(now)
      // What was read for this very question need not be read again.
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
