import type { EndedSession, StoredEpoch } from '../../sessions/index.js'
import type { SigningKeyStore, StoredSigningKey } from '../../tokens/index.js'
import type { StoreOwner } from '../store.js'
import type { MovedCutoff, MovedSession, MovedWebhook } from './move-source.js'

/** The number of records of one kind, by what the move did with them. */
export interface MoveCount {
  /** Written, because the target had none or an older one. */
  readonly copied: number
  /** Left alone, because the target had them, as new or newer. */
  readonly there: number
  /** Left behind, because they are over. */
  readonly over: number
}

/** The shared store that a move fills. Each `put` returns the number of records that it wrote. A newer record stays. */
export interface MoveTarget {
  readonly owner: StoreOwner
  /** Returns when the first move to it began, in seconds since the epoch; null if there was none. */
  startedAt(): Promise<number | null>
  begin(): Promise<void>
  /** Those of an earlier version included. */
  signingKeys(): Promise<readonly StoredSigningKey[]>
  addSigningKeys(keys: readonly StoredSigningKey[]): Promise<MoveCount>
  putEnded(ended: readonly EndedSession[]): Promise<number>
  /** Sets the epoch, unless the store has this one or a later one. */
  putEpoch(epoch: StoredEpoch): Promise<void>
  putCutoffs(cutoffs: readonly MovedCutoff[]): Promise<number>
  putWebhooks(webhooks: readonly MovedWebhook[]): Promise<number>
  putSessions(sessions: readonly MovedSession[]): Promise<number>
  close(): Promise<void>
}

const mostKeyTries = 5

/** Adds the signing keys that a store does not have. */
export async function addSigningKeys(
  keys: SigningKeyStore,
  given: readonly StoredSigningKey[],
): Promise<MoveCount> {
  let copied = 0
  for (const key of given) if (await addKey(keys, key)) copied += 1
  return { copied, there: given.length - copied, over: 0 }
}

/** Adds a key after the newest one. A service that runs on the new store already may add another in between. */
async function addKey(keys: SigningKeyStore, key: StoredSigningKey): Promise<boolean> {
  for (let tries = 0; tries < mostKeyTries; tries += 1) {
    const there = await keys.list()
    if (there.some(({ kid }) => kid === key.kid)) return false
    if (await keys.add(key, there.at(-1)?.kid ?? null)) return true
  }
  throw new Error('The signing keys of the new store keep changing. Nothing else was moved; move again.')
}
