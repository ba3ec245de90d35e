import { systemTicker } from '../../base/time.js'
import type { StoreOptions } from '../memory.js'
import type { Store } from '../store.js'
import { createRedisAdminQuota } from './redis-admin-quota.js'
import { createRedisLimiters } from './redis-limiters.js'
import { createRedisSharedAnswers } from './redis-shared-answers.js'
import { parseRedisAddress } from './redis-address.js'
import { openRedisConnection } from './redis-connection.js'
import { createRedisEndedFeed } from './redis-ended-feed.js'
import { redisKeys } from './redis-keys.js'
import { createRedisSessions } from './redis-sessions.js'
import { createRedisSigningKeys } from './redis-signing-keys.js'
import { createRedisWebhookLog } from './redis-webhook-log.js'

/**
 * Opens the store that many instances share (Redis 6.2 or later, Valkey 7.2 or later). A Redis that is away does not stop
 * the start: every call rejects with `AUTH_UNAVAILABLE` until it is back.
 * @throws TypeError when the address is none
 * @throws Error in one line, when `ioredis` is not installed, Redis refuses user or password, or nobody vouches for its certificate
 */
export async function openRedisStore(
  url: string,
  { clock, ticker = systemTicker }: StoreOptions,
): Promise<Store> {
  const connection = await openRedisConnection(parseRedisAddress(url))
  const feed = createRedisEndedFeed(connection, { clock, ticker })
  return {
    sessions: createRedisSessions({ connection, feed, clock }),
    signingKeys: createRedisSigningKeys(connection),
    webhookLog: createRedisWebhookLog(connection, clock),
    sharedAnswers: createRedisSharedAnswers(connection),
    limiters: createRedisLimiters(connection),
    shareAdminQuota: (local, egress) => createRedisAdminQuota(connection, { local, egress }),
    async check() {
      await feed.checkHearing()
      // A write: a full server and a replica still answer reads.
      await connection.command('SET', redisKeys.check, 1, 'EX', 60)
    },
    async close() {
      feed.close()
      await connection.close()
    },
  }
}
