import { otherPlacesOf } from '../../members/index.js'
import { lostPlaceMs, wantedMs, type SharedPlaces } from '../shared-quota.js'
import type { SharedQuotaLimits } from '../store.js'
import { createScript } from './commands.js'
import type { RedisConnection } from './connection.js'
import type { LimitCounter, LimitPolicy, LimitReading } from '../../limits/index.js'

/**
 * Takes a place, or returns in how many milliseconds to ask again. By the clock of the server: those of instances differ.
 * Sign-ins and look-ups (the others) have no more than their part of the places. While they want some, refreshes leave them
 * their least part. When half of that part is in use, each caller of a sign-in that wants a place gets an equal share of it.
 * KEYS: places, pause, places of others, callers that want one. ARGV: id, places, ms after which the place of a dead holder
 * is free, lane, the most and the least number of places of others, key of the
 * caller, ms for which the caller counts as one that wants a place.
 */
const takePlace = createScript(`
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local pause = redis.call('PTTL', KEYS[2])
if pause > 0 then return pause end
for _, key in ipairs({KEYS[1], KEYS[3], KEYS[4]}) do redis.call('ZREMRANGEBYSCORE', key, '-inf', now) end
local places, lane, most, least = tonumber(ARGV[2]), ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local all, others = redis.call('ZCARD', KEYS[1]), redis.call('ZCARD', KEYS[3])
local function wait(key)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if not first[2] then return 100 end
  return math.max(1, math.min(1000, tonumber(first[2]) - now))
end
if lane == 'renewal' then
  local isWanted = others < least and redis.call('ZCARD', KEYS[4]) > 0
  if all >= places or (isWanted and all - others >= places - least) then return wait(KEYS[1]) end
else
  redis.call('ZADD', KEYS[4], now + tonumber(ARGV[8]), ARGV[7])
  redis.call('PEXPIRE', KEYS[4], 2 * ARGV[8])
  if all >= places then return wait(KEYS[1]) end
  if others >= most then return wait(KEYS[3]) end
  if lane == 'stranger' and others * 2 >= most then
    local share = math.max(1, math.floor(most / redis.call('ZCARD', KEYS[4])))
    local own = 0
    for _, holder in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
      if string.sub(holder, #ARGV[1] + 2) == ARGV[7] then own = own + 1 end
    end
    if own >= share then return math.min(100, wait(KEYS[3])) end
  end
  redis.call('ZADD', KEYS[3], now + tonumber(ARGV[3]), ARGV[1] .. ' ' .. ARGV[7])
  redis.call('PEXPIRE', KEYS[3], ARGV[3] + 1000)
end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3] + 1000)
return 0`)

/** Keeps a place taken for a while after its answer. KEYS: places, places of others. ARGV: id, ms, key of the caller. */
const restPlace = createScript(`
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZADD', KEYS[2], 'XX', now + tonumber(ARGV[2]), ARGV[1] .. ' ' .. ARGV[3])
return redis.call('ZADD', KEYS[1], 'XX', now + tonumber(ARGV[2]), ARGV[1])`)

/** A second, and some more for the resolution of clocks. The server's clock counts. */
const restMs = 1_010

/** Creates the shared places of one address. Each address that requests come from has places of its own. */
export function createRedisPlaces(
  connection: RedisConnection,
  egress: string,
  { perSecond = 24, reserved }: SharedQuotaLimits = {},
): SharedPlaces {
  const { keys } = connection
  const [places, pause] = [keys.adminPlaces(egress), keys.adminPause(egress)]
  const [others, wanting] = [keys.adminOtherPlaces(egress), keys.adminWanting(egress)]
  const { most, least } = otherPlacesOf(perSecond, reserved)
  return {
    async take(id, { lane, key }) {
      const args = [id, perSecond, lostPlaceMs, lane, most, least, key, wantedMs]
      return Number(await connection.run(takePlace, [places, pause, others, wanting], args))
    },
    rest(id, { key }) {
      connection.run(restPlace, [places, others], [id, restMs, key]).catch(() => {})
    },
    pause(ms) {
      connection.command('SET', pause, 1, 'PX', ms).catch(() => {})
    },
  }
}

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
