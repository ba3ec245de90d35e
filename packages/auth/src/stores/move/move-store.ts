import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock, type Clock } from '../../base/time.js'
import { AuthError } from '../../base/errors.js'
import { createRandomBytes, createSecrets, decodeSecrets, type Secrets } from '../../base/secrets.js'
import type { StoredSigningKey } from '../../tokens/index.js'
import { claimOwner } from '../claim-store.js'
import {
  parseStoreAddress,
  type PostgresStoreAddress,
  type RedisStoreAddress,
  type StoreAddress,
} from '../store-address.js'
import { defaultStorePrefix } from '../store.js'
import type { Batches, MoveSource } from './move-source.js'
import type { MoveCount, MoveTarget } from './move-target.js'

/** The result of a move. */
export interface MoveCounts {
  readonly signingKeys: MoveCount
  readonly endedSessions: MoveCount
  readonly signInCutoffs: MoveCount
  readonly webhookMessages: MoveCount
  readonly sessions: MoveCount
}

/** The options of a move. */
export interface StoreMoveOptions {
  /** The address of the store to read: `sqlite:./data/perennial.db`, or `redis://…` for a move to Postgres. It stays as it is. */
  readonly from: string
  /** The address of the store to fill (`redis://…`, `postgres://…`). */
  readonly to: string
  /** The first part of the keys in Redis, and the schema in Postgres. @defaultValue `perennial` */
  readonly prefix?: string | undefined
  /** The app that both stores are for. */
  readonly appId: string
  /** The secret of the sessions, as `createPerennial` takes it. No token is valid under another one. */
  readonly secret: string | readonly string[]
  readonly clock?: Clock | undefined
  /** Called after each batch with the number of sessions so far. */
  readonly onProgress?: ((sessions: number) => void) | undefined
}

/** The time for which an earlier move can be continued: shorter than ended sessions are remembered. */
const repeatableSeconds = 3600

const mostTries = 5
const firstPauseMs = 200

/**
 * Copies a SQLite store to Redis or Postgres, or a Redis store to Postgres, so that nobody is signed out when the service starts
 * there. A repeated move adds what is missing, and a newer record there stays. Nothing may use the old store meanwhile. Memory is
 * bounded, however many sessions there are.
 * @throws TypeError if an address or the secret is not valid
 * @throws Error with a message of one line: why nothing was moved, or not everything. The old store stays as it was
 */
export async function moveStore(options: StoreMoveOptions): Promise<MoveCounts> {
  const { from, to, appId, secret, prefix = defaultStorePrefix, clock = systemClock } = options
  const [source, target] = [parseStoreAddress(from), parseStoreAddress(to)]
  if (!(source.kind === 'sqlite' && target.kind === 'redis') && target.kind !== 'postgres')
    throw wrongDirection()
  const secrets = createSecrets(decodeSecrets(secret), { appId, randomBytes: createRandomBytes() })
  const opened = await openSource(source, { clock, prefix })
  try {
    const filled = await openTarget(target, { clock, prefix })
    try {
      return await copy(opened, filled, { ...options, clock, secrets })
    } finally {
      await filled.close()
    }
  } finally {
    await opened.close()
  }
}

function wrongDirection(): TypeError {
  return new TypeError(
    'a store moves from sqlite:<path> to redis://<host> or postgres://<host>, from redis://<host> to postgres://<host>, and in no other direction',
  )
}

interface World {
  readonly clock: Clock
  readonly prefix: string
}

/** The drivers are loaded on demand, as in `openStore`. */
async function openSource(source: StoreAddress, options: World): Promise<MoveSource> {
  if (source.kind === 'sqlite') {
    const { openSqliteSource } = await import('./sqlite-source.js')
    return await openSqliteSource(source.path)
  }
  if (source.kind !== 'redis') throw wrongDirection()
  const { openRedisSource } = await import('./redis-source.js')
  return await openRedisSource(source, options)
}

async function openTarget(
  target: RedisStoreAddress | PostgresStoreAddress,
  options: World,
): Promise<MoveTarget> {
  if (target.kind === 'redis') {
    const { openRedisTarget } = await import('./redis-target.js')
    return await openRedisTarget(target, options)
  }
  const { openPostgresTarget } = await import('./postgres-target.js')
  return await openPostgresTarget(target, options)
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
    const { secrets, appId, from, to } = copying
    await source.checkUnused()
    const earlier = await source.signingKeys()
    refuseWrongSecret(earlier, secrets)
    await refuseOthers(target, earlier, copying)
    // Both become stores of the app, and rows of earlier versions get their marks. Rows then move with them.
    await claimOwner({ name: withoutPassword(from), owner: source.owner }, { appId, secrets })
    await claimOwner({ name: withoutPassword(to), owner: target.owner }, { appId, secrets })
    await target.begin()
    // First, so that half a move accepts no session of an earlier epoch.
    const epoch = await source.epoch()
    if (epoch) await target.putEpoch(epoch)
    const keys = await source.signingKeys()
    const counts = await copyAll({ source, target, keys, now: Math.floor(copying.clock()) }, onProgress)
    await source.checkUnused()
    return counts
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

/** Copies the signing keys first, then what refuses tokens, then the sessions: half a move accepts no ended session. */
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
  for await (const batch of batches) {
    const written = await withRetries(() => put(batch))
    copied += written
    there += batch.length - written
    onProgress(copied + there)
  }
  return { copied, there, over: over() }
}

/** Repeats a batch for some seconds, so that a long move survives a short failure of the new store. */
async function withRetries<T>(put: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await put()
    } catch (error) {
      if (!(error instanceof AuthError) || tries === mostTries) throw error
      await sleep(firstPauseMs * 2 ** (tries - 1))
    }
  }
}

/** Under another secret no token would be valid, and no sealed member readable. */
function refuseWrongSecret(keys: readonly StoredSigningKey[], secrets: Secrets): void {
  if (keys.length === 0 || keys.some((key) => isOpenedBy(secrets, key))) return
  throw new Error(
    'PERENNIAL_SECRET is not the secret of this store: it opens none of its signing keys. Nothing was moved; set the secret that the service ran with.',
  )
}

/** Refuses the Redis of another deployment, and one that was moved to so long ago that ended sessions are forgotten. */
async function refuseOthers(
  target: MoveTarget,
  keys: readonly StoredSigningKey[],
  { secrets, clock }: Copying,
): Promise<void> {
  const startedAt = await target.startedAt()
  if (startedAt !== null && clock() - startedAt >= repeatableSeconds) {
    const when = new Date(startedAt * 1000).toISOString()
    throw new Error(
      `The new store was moved to before, at ${when}: sessions that ended since would be alive again. Nothing was moved. If the service has run there since, nothing is left to move; if it has not, empty it and move again.`,
    )
  }
  const ours = new Set(keys.map(({ kid }) => kid))
  const others = (await target.signingKeys()).filter(({ kid }) => !ours.has(kid))
  if (others.every((key) => isOpenedBy(secrets, key))) return
  throw new Error(
    'The new store belongs to another deployment: it holds signing keys that PERENNIAL_SECRET does not open. Nothing was moved; name an empty one, another database (redis://…/1) or another STORE_PREFIX.',
  )
}

function isOpenedBy(secrets: Secrets, { kid, sealedPrivateKey }: StoredSigningKey): boolean {
  const { unseal, unsealEarlier } = secrets
  return [unseal, unsealEarlier].some((open) => open('signing-keys', kid, sealedPrivateKey) !== null)
}

function withoutPassword(url: string): string {
  if (url.startsWith('sqlite:')) return url
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

function explain(error: unknown, sessionsSeen: number): unknown {
  if (!(error instanceof AuthError)) return error
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
  const seen = sessionsSeen.toLocaleString('en')
  const done = sessionsSeen === 0 ? 'No session was copied' : `${seen} sessions had been copied`
  return new Error(
    `The new store does not accept the records${cause}. ${done}; the old store is as it was. When the new one answers, run the same command again.`,
    { cause: error },
  )
}
