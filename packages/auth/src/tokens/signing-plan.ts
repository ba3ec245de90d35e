import { accessTokenMaxSeconds } from './expiry.js'

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
