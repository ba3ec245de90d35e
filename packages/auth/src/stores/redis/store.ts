import { failure } from '../../base/failures.js'
import { type Clock, systemTicker } from '../../base/time.js'
import type { ProofLog } from '../../tokens/index.js'
import type { WebhookLog } from '../../webhooks/index.js'
import { defaultStorePrefix, type Store, type StoreOptions } from '../store.js'
import type { RedisAddress } from './address.js'
import { createSharedQuota } from '../shared-quota.js'
import { createRedisLimiters, createRedisPlaces } from './limits.js'
import { createScript } from './commands.js'
import { openRedisConnection, type RedisConnection } from './connection.js'
import { createRedisEndedFeed } from './ended-feed.js'
import { createRedisOwner } from './owner.js'
import { findMissingRight } from './rights.js'
import { createRedisSessions } from './sessions.js'
import { createRedisSharedAnswers } from './shared-answers.js'
import { createRedisSigningKeys } from './signing-keys.js'

/**
 * Opens a store in Redis (6.2 or later, or Valkey 7.2 or later), which many instances share. If Redis is away the store
 * opens anyway: every call rejects with `AUTH_UNAVAILABLE` until Redis is back.
 * @throws Error with a message of one line, if `ioredis` is not installed, Redis refuses the user or password, the user lacks a
 * right, or its certificate is not trusted
 */
export async function openRedisStore(
  address: RedisAddress,
  { clock, ticker = systemTicker, prefix = defaultStorePrefix }: StoreOptions,
): Promise<Store> {
  const connection = await openRedisConnection(address, prefix)
  const feed = createRedisEndedFeed(connection, { clock, ticker })
  const missing = await findMissingRight(connection, {
    prefix,
    checkSubscribed: () => feed.checkSubscribed(),
  })
  if (missing !== null) {
    feed.close()
    await connection.close()
    throw new Error(missing)
  }
  return {
    name: nameOf(address, prefix),
    owner: createRedisOwner(connection, clock),
    sessions: createRedisSessions({ connection, feed, clock }),
    signingKeys: createRedisSigningKeys(connection),
    webhookLog: createRedisWebhookLog(connection, clock),
    usedProofs: createRedisProofLog(connection),
    sharedAnswers: createRedisSharedAnswers(connection),
    limiters: createRedisLimiters(connection),
    shareAdminQuota: (local, egress, limits) =>
      createSharedQuota(local, createRedisPlaces(connection, egress, limits)),
    readTime: () => readTime(connection),
    async check() {
      // A write: a full server and a replica still answer reads. First, because its failure names the cause.
      await connection.command('SET', connection.keys.check, 1, 'EX', 60)
      await feed.checkSubscribed()
    },
    async close() {
      feed.close()
      await connection.close()
    },
  }
}

/** Returns the time of the server, or the median of all primaries of a Cluster, so that every instance gets the same. */
async function readTime(connection: RedisConnection): Promise<number> {
  const replies = await Promise.all(connection.primaries().map((primary) => primary.command('TIME')))
  const times = replies.map(toSeconds).toSorted((a, b) => a - b)
  const median = times[Math.floor((times.length - 1) / 2)]
  if (median === undefined) throw failure('storeUnreachable')
  return median
}

/** Reads a reply of `TIME`: seconds and microseconds. */
function toSeconds(reply: unknown): number {
  const [seconds, microseconds]: unknown[] = Array.isArray(reply) ? reply : []
  return Number(seconds) + Number(microseconds) / 1e6
}

/** Returns the address without user and password, and the prefix if it is not the usual one. */
function nameOf({ tls, nodes, database }: RedisAddress, prefix: string): string {
  const { host, port } = nodes[0]
  const place = `${tls ? 'rediss' : 'redis'}://${host.includes(':') ? `[${host}]` : host}:${port}/${database}`
  return prefix === defaultStorePrefix ? place : `${place} (prefix ${prefix})`
}

/** Marks a message as done, unless it is kept for longer already. ARGV: forgetAt, seconds until then. */
const markDone = createScript(`
local kept = tonumber(redis.call('GET', KEYS[1]) or '0')
if kept < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end
return 1`)

/** Creates the log of finished webhook messages, one key each. */
export function createRedisWebhookLog(connection: RedisConnection, clock: Clock): WebhookLog {
  return {
    async isDone(messageId) {
      const forgetAt = await connection.command('GET', connection.keys.webhook(messageId))
      return forgetAt !== null && Number(forgetAt) > clock()
    },
    async markDone(messageId, forgetAt) {
      const until = Math.ceil(forgetAt)
      const seconds = Math.max(1, until - Math.floor(clock()))
      await connection.run(markDone, [connection.keys.webhook(messageId)], [until, seconds])
    },
  }
}

/** Creates the log of used DPoP proofs, one key each. */
function createRedisProofLog({ command, keys }: RedisConnection): ProofLog {
  return {
    use: async (id, keptSeconds) =>
      (await command('SET', keys.usedProof(id), 1, 'EX', Math.ceil(keptSeconds), 'NX')) === 'OK',
  }
}
