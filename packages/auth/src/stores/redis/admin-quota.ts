import {
  otherPlacesOf,
  renewal,
  type AdminPlace,
  type AdminQuota,
  type QuotaCaller,
} from '../../members/index.js'
import type { SharedQuotaLimits } from '../store.js'
import { createScript } from './commands.js'
import type { RedisConnection } from './connection.js'

/**
 * Takes a place, or returns in how many milliseconds to ask again. By the clock of the server: those of instances differ.
 * Sign-ins and look-ups (the others) have no more than their part of the places. While they want some, refreshes leave them
 * their least part. When half of that part is in use, each caller of a sign-in that wants a place gets an equal share of it.
 * KEYS: places, pause, places of others, callers that want one. ARGV: id, places, ms after which the place of a dead holder
 * is free, lane, the most and the least number of places of others, key of the caller.
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
  redis.call('ZADD', KEYS[4], now + 1500, ARGV[7])
  redis.call('PEXPIRE', KEYS[4], 3000)
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

const restMs = 1_010
/** Longer than any request to the admin API. */
const lostPlaceMs = 15_000
const longestPauseSeconds = 30

/** The parts of a shared quota. */
export interface SharedQuotaOptions extends SharedQuotaLimits {
  /** The quota of this process: the queue of its callers, and the whole quota while Redis is away. */
  readonly local: AdminQuota
  /** The name of the address that the requests come from. Each address has a quota of its own. */
  readonly egress: string
}

/**
 * Creates one quota for all instances of one address. A caller first takes a place of its own process, so that few ask
 * Redis at once, and then a shared one. While Redis is away each instance keeps to its own quota. If they are too many
 * together, the admin API answers 429 and all pause.
 */
export function createRedisAdminQuota(
  connection: RedisConnection,
  { local, egress, perSecond = 24, reserved }: SharedQuotaOptions,
): AdminQuota {
  const keys = [
    connection.keys.adminPlaces(egress),
    connection.keys.adminPause(egress),
    connection.keys.adminOtherPlaces(egress),
    connection.keys.adminWanting(egress),
  ]
  const { most, least } = otherPlacesOf(perSecond, reserved)
  const tryShared = async (id: string, { lane, key }: QuotaCaller): Promise<number> => {
    const args = [id, perSecond, lostPlaceMs, lane, most, least, key]
    return Number(await connection.run(takePlace, keys, args))
  }
  const shared = async (own: Granted, waitUntilMs: number, caller: QuotaCaller): Promise<AdminPlace> => {
    const id = crypto.randomUUID()
    for (;;) {
      const waitMs = await tryShared(id, caller).catch(() => null)
      if (waitMs === null) return own
      if (waitMs === 0) return both(own, () => rest(connection, { egress, id, caller }))
      if (performance.now() + waitMs > waitUntilMs) {
        own.free()
        return { kind: 'refused', retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) }
      }
      await sleepMs(waitMs * (1 + Math.random() / 4))
    }
  }
  return {
    async take(waitSeconds, caller = renewal) {
      const waitUntilMs = performance.now() + waitSeconds * 1000
      const own = await local.take(waitSeconds, caller)
      return own.kind === 'granted' ? await shared(own, waitUntilMs, caller) : own
    },
    pause(seconds) {
      local.pause(seconds)
      const ms = Math.ceil(Math.min(Math.max(seconds, 0), longestPauseSeconds) * 1000)
      if (ms > 0) connection.command('SET', connection.keys.adminPause(egress), 1, 'PX', ms).catch(() => {})
    },
  }
}

type Granted = Extract<AdminPlace, { kind: 'granted' }>

function both(own: Granted, freeShared: () => void): Granted {
  let isHeld = true
  return {
    kind: 'granted',
    free() {
      if (!isHeld) return
      isHeld = false
      own.free()
      freeShared()
    },
  }
}

/** If this fails, the place is free again when its holder counts as dead. */
function rest(
  connection: RedisConnection,
  { egress, id, caller }: { readonly egress: string; readonly id: string; readonly caller: QuotaCaller },
): void {
  const keys = [connection.keys.adminPlaces(egress), connection.keys.adminOtherPlaces(egress)]
  connection.run(restPlace, keys, [id, restMs, caller.key]).catch(() => {})
}

function sleepMs(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
