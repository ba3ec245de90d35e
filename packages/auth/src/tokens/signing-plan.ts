import { accessTokenMaxSeconds } from './expiry.js'

/** What the plan needs to know of a key. */
export interface PlannedKey {
  readonly kid: string
  readonly createdAt: number
  /** Whether one of our secrets opens it. */
  readonly canSign: boolean
}

/** When keys are made, put to use and forgotten, in seconds. */
export interface SigningPolicy {
  /** A key signs for so long. */
  readonly rotateAfterSeconds: number
  /** A key is published so long before it signs, so that verifiers who keep the key set have it by then. */
  readonly publishAheadSeconds: number
}

/** What to do with the keys there are. */
export interface SigningPlan {
  /** The `kid` of the key to sign with; null where there is none that can. */
  readonly signer: string | null
  readonly wantsNewKey: boolean
  /** Keys under which no unexpired token can be any more. */
  readonly retired: readonly string[]
}

/** Another instance may sign on so long before it sees that a newer key has taken over, and its clock may be off. */
const lateInstanceSeconds = 900

/** Decides over signing keys; `keys` oldest first. */
export function planSigningKeys(
  keys: readonly PlannedKey[],
  now: number,
  { rotateAfterSeconds, publishAheadSeconds }: SigningPolicy,
): SigningPlan {
  const usable = keys.filter((key) => key.canSign)
  const newest = usable.at(-1)
  // Where no key has been published long enough, the one that has been for longest is known most widely.
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
