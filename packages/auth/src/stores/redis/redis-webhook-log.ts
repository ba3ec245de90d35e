import type { Clock } from '../../base/time.js'
import type { WebhookLog } from '../../webhooks/index.js'
import type { RedisConnection } from './redis-connection.js'
import { redisKeys } from './redis-keys.js'
import { createScript } from './redis-script.js'

/** ARGV: forgetAt, seconds until then. */
const markDone = createScript(`
local kept = tonumber(redis.call('GET', KEYS[1]) or '0')
if kept < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end
return 1`)

/** Finished webhook messages in Redis, one key each. */
export function createRedisWebhookLog(connection: RedisConnection, clock: Clock): WebhookLog {
  return {
    async isDone(messageId) {
      const forgetAt = await connection.command('GET', redisKeys.webhook(messageId))
      return forgetAt !== null && Number(forgetAt) > clock()
    },
    async markDone(messageId, forgetAt) {
      const until = Math.ceil(forgetAt)
      const seconds = Math.max(1, until - Math.floor(clock()))
      await connection.run(markDone, [redisKeys.webhook(messageId)], [until, seconds])
    },
  }
}
