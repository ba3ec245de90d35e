import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock, type Clock } from '../../base/time.js'
import { AuthError } from '../../base/errors.js'
import { createSecrets, decodeSecrets, type Secrets } from '../../base/secrets.js'
import type { StoredSigningKey } from '../../tokens/index.js'
import { parseStoreUrl } from '../open-store.js'
import type { MoveCount, MoveCounts } from './move-counts.js'
import type { MoveTarget } from './redis-target.js'
import type { Batches, MoveSource } from './sqlite-source.js'

/** What is moved where. */
export interface StoreMoveOptions {
  /** The address of the file to read (`sqlite:./data/perennial.db`); it stays as it is. */
  readonly from: string
  /** The address of the Redis to fill (`redis://…`). */
  readonly to: string
  /** The secret that the sessions live on, as `createPerennial` takes it: what is moved is worth nothing under another. */
  readonly secret: string | readonly string[]
  readonly clock?: Clock | undefined
  /** Told now and then how many sessions were seen to. */
  readonly onProgress?: ((sessions: number) => void) | undefined
}

/** An earlier move may be gone on with for so long: ended sessions are remembered for longer than that. */
const repeatableSeconds = 3600

const mostTries = 5
const firstPauseMs = 200

/**
 * Copies everything that a SQLite store holds into Redis, so that nobody is signed out when the service starts there.
 * Run again it adds what is missing; a record that is newer there stays. Nothing may use the file meanwhile. What is in
 * memory at a time is bounded, however many sessions there are.
 * @throws TypeError when an address or the secret cannot be used
 * @throws Error in one line for people: why nothing was moved, or not all of it. The file is as it was
 */
export async function moveStore(options: StoreMoveOptions): Promise<MoveCounts> {
  const { from, to, secret, clock = systemClock } = options
  const [source, target] = [parseStoreUrl(from), parseStoreUrl(to)]
  if (source.kind !== 'sqlite' || target.kind !== 'redis') {
    throw new TypeError(
      'a store can be moved from sqlite:<path> to redis://<host>, and in no other direction',
    )
  }
  const secrets = createSecrets(decodeSecrets(secret), sealsNothing)
  // Loaded on demand, as where a store is opened.
  const { openSqliteSource } = await import('./sqlite-source.js')
  const { openRedisTarget } = await import('./redis-target.js')
  const opened = await openSqliteSource(source.path)
  try {
    const filled = await openRedisTarget(target.url, clock)
    try {
      return await copy(opened, filled, { ...options, clock, secrets })
    } finally {
      await filled.close()
    }
  } finally {
    opened.close()
  }
}

interface Copying extends StoreMoveOptions {
  readonly clock: Clock
  readonly secrets: Secrets
}

async function copy(source: MoveSource, target: MoveTarget, copying: Copying): Promise<MoveCounts> {
  let sessionsSeen = 0
  const onProgress = (sessions: number) => {
    sessionsSeen = sessions
    copying.onProgress?.(sessions)
  }
  try {
    const keys = source.signingKeys()
    refuseWrongSecret(keys, copying.secrets)
    await refuseOthers(target, keys, copying)
    await target.begin()
    return await copyAll({ source, target, keys, now: Math.floor(copying.clock()) }, onProgress)
  } catch (error) {
    throw explain(error, sessionsSeen)
  }
}

interface Parts {
  readonly source: MoveSource
  readonly target: MoveTarget
  readonly keys: readonly StoredSigningKey[]
  readonly now: number
}

/** What lets tokens pass comes first, then what refuses them, then the sessions: half a move lets nobody in wrongly. */
async function copyAll(parts: Parts, onProgress: (sessions: number) => void): Promise<MoveCounts> {
  const { source, target, keys, now } = parts
  return {
    signingKeys: await target.addSigningKeys(keys),
    endedSessions: await inBatches(source.endedSessions(now), (batch) => target.putEnded(batch)),
    signInCutoffs: await inBatches(source.cutoffs(now), (batch) => target.putCutoffs(batch)),
    webhookMessages: await inBatches(source.webhooks(now), (batch) => target.putWebhooks(batch)),
    sessions: await inBatches(source.sessions(now), (batch) => target.putSessions(batch), onProgress),
  }
}

async function inBatches<T>(
  { over, batches }: Batches<T>,
  put: (batch: readonly T[]) => Promise<number>,
  onProgress: (done: number) => void = () => {},
): Promise<MoveCount> {
  let [copied, there] = [0, 0]
  for (const batch of batches) {
    const written = await persistently(() => put(batch))
    copied += written
    there += batch.length - written
    onProgress(copied + there)
  }
  return { copied, there, over }
}

/** A long move must outlive a moment in which Redis does not answer: each batch may be put again. */
async function persistently<T>(put: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await put()
    } catch (error) {
      if (!(error instanceof AuthError) || tries === mostTries) throw error
      await sleep(firstPauseMs * 2 ** (tries - 1))
    }
  }
}

/** Under another secret every token would be garbage, and members unreadable. */
function refuseWrongSecret(keys: readonly StoredSigningKey[], secrets: Secrets): void {
  if (keys.length === 0 || keys.some((key) => isOpenedBy(secrets, key))) return
  throw new Error(
    'PERENNIAL_SECRET is not the one that this store was written under: it opens none of its signing keys. Nothing was moved; set the secret that the service ran with.',
  )
}

/** Another deployment's Redis, or the leftovers of a move so long ago that sessions ended since would live again. */
async function refuseOthers(
  target: MoveTarget,
  keys: readonly StoredSigningKey[],
  { secrets, clock }: Copying,
): Promise<void> {
  const startedAt = await target.startedAt()
  if (startedAt !== null && clock() - startedAt >= repeatableSeconds) {
    const when = new Date(startedAt * 1000).toISOString()
    throw new Error(
      `The new store was moved to before, at ${when}: sessions that ended since would come back to life. Nothing was moved. If the service has run there since, nothing is left to move; if it has not, empty that Redis and move again.`,
    )
  }
  const ours = new Set(keys.map(({ kid }) => kid))
  const others = (await target.signingKeys()).filter(({ kid }) => !ours.has(kid))
  if (others.every((key) => isOpenedBy(secrets, key))) return
  throw new Error(
    'The new store serves another deployment: it holds signing keys that PERENNIAL_SECRET does not open. Nothing was moved; name an empty Redis, or another database of it (redis://…/1).',
  )
}

function isOpenedBy(secrets: Secrets, { kid, sealedPrivateKey }: StoredSigningKey): boolean {
  return secrets.unseal('signing-keys', kid, sealedPrivateKey) !== null
}

function sealsNothing(): never {
  throw new TypeError('a move seals nothing')
}

function explain(error: unknown, sessionsSeen: number): unknown {
  if (!(error instanceof AuthError)) return error
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
  const seen = sessionsSeen.toLocaleString('en')
  const done = sessionsSeen === 0 ? 'No session was copied' : `${seen} sessions had been copied`
  return new Error(
    `The new store does not take what is moved${cause}. ${done}; the old store is as it was. When the new one answers, run the same command again.`,
    { cause: error },
  )
}
