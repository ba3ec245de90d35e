import type { LimitCounter, LimitPolicy, LimitReading } from '../../limits/index.js'
import { createScript } from './commands.js'
import type { RedisConnection } from './connection.js'

/**
 * Adds one and starts the window with the first count, in one step and by the server's clock. A key without an expiry
 * gets one, so that it never counts for ever. KEYS: count. ARGV: ms of the window.
 */
const addOne = createScript(`
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[1])
  redis.call('PEXPIRE', KEYS[1], left)
end
return {count, left}`)

/** Reads the count and the rest of its window, and changes nothing. KEYS: count. */
const readCount = createScript(`
return {tonumber(redis.call('GET', KEYS[1]) or '0'), math.max(0, redis.call('PTTL', KEYS[1]))}`)

/** Creates counters that all instances share. While Redis is away they reject within about a second. */
export function createRedisLimiters({
  keys,
  run,
}: Pick<RedisConnection, 'keys' | 'run'>): (policy: LimitPolicy) => LimitCounter {
  return ({ name, windowSeconds }) => ({
    count: async (key) => toReading(await run(addOne, [keys.limit(name, key)], [windowSeconds * 1000])),
    read: async (key) => toReading(await run(readCount, [keys.limit(name, key)], [])),
  })
}

function toReading(reply: unknown): LimitReading {
  const [count, leftMs] = Array.isArray(reply) ? reply.map(Number) : []
  if (count === undefined || leftMs === undefined) throw new TypeError('the script answers two numbers')
  return { count, resetSeconds: leftMs / 1000 }
}
