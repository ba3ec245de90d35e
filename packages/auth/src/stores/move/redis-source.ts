import type { Clock } from '../../base/time.js'
import { endedKeptSeconds, signInCutoffKeptSeconds } from '../ended-sessions.js'
import type { RedisAddress } from '../redis/address.js'
import { openRedisConnection, type RedisConnection } from '../redis/connection.js'
import { readEarlierKeys } from '../redis/earlier-store.js'
import { listEnded } from '../redis/ended-feed.js'
import { readEpoch } from '../redis/epoch.js'
import { createRedisOwner } from '../redis/owner.js'
import { toReading } from '../redis/session-scripts.js'
import { createRedisSigningKeys } from '../redis/signing-keys.js'
import type { Batches, MovedCutoff, MovedSession, MovedWebhook, MoveSource } from './move-source.js'

const scannedAtOnce = 500

/**
 * Opens a Redis store that no service uses. Redis gives no lock: an instance that runs is seen by its subscription.
 * @throws Error with a message of one line, if `ioredis` is not installed or Redis refuses the user or password
 */
export async function openRedisSource(
  address: RedisAddress,
  { clock, prefix }: { readonly clock: Clock; readonly prefix: string },
): Promise<MoveSource> {
  const connection = await openRedisConnection(address, prefix)
  const keys = createRedisSigningKeys(connection)
  return {
    owner: createRedisOwner(connection, clock),
    signingKeys: async () => [...(await readEarlierKeys(connection)), ...(await keys.list())],
    epoch: () => readEpoch(connection),
    endedSessions: (now) => ({ batches: listEnded(connection, now - endedKeptSeconds + 1), over: () => 0 }),
    cutoffs: (now) => readCutoffs(connection, now),
    webhooks: (now) => readWebhooks(connection, now),
    sessions: (now) => readSessions(connection, now),
    checkUnused: () => refuseUsed(connection),
    close: () => connection.close(),
  }
}

async function refuseUsed({ nodes, keys }: RedisConnection): Promise<void> {
  const counts = await Promise.all(
    nodes().map(async ({ command }) => {
      // A user who may not ask may move all the same.
      const reply = await command('PUBSUB', 'NUMSUB', keys.endedChannel).catch(() => null)
      return Array.isArray(reply) ? Number(reply[1]) : 0
    }),
  )
  if (counts.every((count) => count === 0)) return
  throw new Error(
    'The old Redis store is in use. Stop every service that runs on it, and move again: what they write meanwhile is not copied.',
  )
}

/** Yields the names of all keys that match, some at a time. One may be in two of the lists: what was copied before stays. */
async function* scan(connection: RedisConnection, pattern: string): AsyncGenerator<readonly string[]> {
  for (const { command } of connection.primaries()) {
    let cursor = '0'
    do {
      const reply = await command('SCAN', cursor, 'MATCH', pattern, 'COUNT', scannedAtOnce)
      const [next, names] = Array.isArray(reply) ? reply : []
      if (Array.isArray(names) && names.length > 0) yield [...new Set(names.map(String))]
      cursor = String(next ?? '0')
    } while (cursor !== '0')
  }
}

/** Reads the records of all keys that match. `read` returns null for one that is over or not ours. */
function readAll<T>(
  connection: RedisConnection,
  pattern: string,
  read: (name: string) => Promise<T | 'over' | null>,
): Batches<T> {
  let over = 0
  async function* batches() {
    for await (const names of scan(connection, pattern)) {
      const found = await Promise.all(names.map(read))
      over += found.filter((one) => one === 'over').length
      yield found.flatMap((one) => (one === 'over' || one === null ? [] : [one]))
    }
  }
  return { batches: batches(), over: () => over }
}

function readSessions(connection: RedisConnection, now: number): Batches<MovedSession> {
  const { command, keys } = connection
  const present = readEpoch(connection)
  return readAll(connection, keys.everySession, async (name) => {
    const row = toReading(await command('GET', name))?.row
    if (!row || keys.session(row.id) !== name) return null
    const epoch = (await present)?.epoch ?? 0
    const isOver = row.endedAt === null ? row.epoch < epoch : row.endedAt <= now - endedKeptSeconds
    if (isOver || row.expiresAt <= now) return 'over'
    const refusedUntil = Number(await command('HGET', keys.memberCutoff(row.memberId), 'issuedUntil'))
    return { row, refusedUntil }
  })
}

function readCutoffs({ command, keys, ...rest }: RedisConnection, now: number): Batches<MovedCutoff> {
  return readAll({ command, keys, ...rest }, keys.everyCutoff, async (name) => {
    const reply = await command('HMGET', name, 'issuedUntil', 'setAt')
    const [issuedUntil, setAt] = Array.isArray(reply) ? reply.map(Number) : []
    const memberId = keys.memberOfCutoff(name)
    if (memberId === null || !issuedUntil || !setAt) return null
    return setAt <= now - signInCutoffKeptSeconds ? 'over' : { memberId, issuedUntil, setAt }
  })
}

function readWebhooks(connection: RedisConnection, now: number): Batches<MovedWebhook> {
  const { command, keys } = connection
  return readAll(connection, keys.everyWebhook, async (name) => {
    const [id, left] = [keys.messageOfWebhook(name), Number(await command('TTL', name))]
    return id === null || left <= 0 ? null : { id, forgetAt: now + left }
  })
}
