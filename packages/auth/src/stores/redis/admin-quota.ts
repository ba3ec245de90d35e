import type { AdminPlace, AdminQuota } from '../../members/index.js'
import { createScript } from './commands.js'
import type { RedisConnection } from './connection.js'

/**
 * Takes a place, or returns in how many milliseconds to ask again. By the clock of the server: those of instances differ.
 * KEYS: places, pause. ARGV: id, places, ms after which the place of a dead holder is free.
 */
const takePlace = createScript(`
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local pause = redis.call('PTTL', KEYS[2])
if pause > 0 then return pause end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[3] + 1000)
  return 0
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return math.max(1, math.min(1000, tonumber(first[2]) - now))`)

/** Keeps a place taken for a while after its answer. KEYS: places. ARGV: id, ms. */
const restPlace = createScript(`
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
return redis.call('ZADD', KEYS[1], 'XX', now + tonumber(ARGV[2]), ARGV[1])`)

/** The parts of a shared quota. */
export interface SharedQuotaOptions {
  /** The quota of this process: the queue of its callers, and the whole quota while Redis is away. */
  readonly local: AdminQuota
  /** The name of the address that the requests come from. Each address has a quota of its own. */
  readonly egress: string
  /** The most requests of all instances in any second. @defaultValue 24 */
  readonly perSecond?: number | undefined
}

const restMs = 1_010
/** Longer than any request to the admin API. */
const lostPlaceMs = 15_000
const longestPauseSeconds = 30

/**
 * Creates one quota for all instances of one address. A caller first takes a place of its own process, so that few ask
 * Redis at once, and then a shared one. While Redis is away each instance keeps to its own quota. If they are too many
 * together, the admin API answers 429 and all pause.
 */
export function createRedisAdminQuota(
  connection: RedisConnection,
  { local, egress, perSecond = 24 }: SharedQuotaOptions,
): AdminQuota {
  const places = connection.keys.adminPlaces(egress)
  const pause = connection.keys.adminPause(egress)
  const tryShared = async (id: string): Promise<number> => {
    return Number(await connection.run(takePlace, [places, pause], [id, perSecond, lostPlaceMs]))
  }
  const shared = async (own: Granted, waitUntilMs: number): Promise<AdminPlace> => {
    const id = crypto.randomUUID()
    for (;;) {
      const waitMs = await tryShared(id).catch(() => null)
      if (waitMs === null) return own
      if (waitMs === 0) return both(own, () => rest(connection, places, id))
      if (performance.now() + waitMs > waitUntilMs) {
        own.free()
        return { kind: 'refused', retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) }
      }
      await sleepMs(waitMs * (1 + Math.random() / 4))
    }
  }
  return {
    async take(waitSeconds) {
      const waitUntilMs = performance.now() + waitSeconds * 1000
      const own = await local.take(waitSeconds)
      return own.kind === 'granted' ? await shared(own, waitUntilMs) : own
    },
    pause(seconds) {
      local.pause(seconds)
      const ms = Math.ceil(Math.min(Math.max(seconds, 0), longestPauseSeconds) * 1000)
      if (ms > 0) connection.command('SET', pause, 1, 'PX', ms).catch(() => {})
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
function rest(connection: RedisConnection, places: string, id: string): void {
  connection.run(restPlace, [places], [id, restMs]).catch(() => {})
}

function sleepMs(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
