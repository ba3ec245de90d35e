import type { Clock } from '../../base/time.js'
import { sleep } from '../../base/time-limit.js'
import type { AdminPlace, AdminQuota } from '../../members/index.js'
import { numberOf, toColumn } from './columns.js'
import type { PostgresStatements } from './statements.js'

/** The parts of a shared quota. */
export interface SharedQuotaOptions {
  /** The quota of this process: the queue of its callers, and the whole quota while Postgres is away. */
  readonly local: AdminQuota
  /** The name of the address that the requests come from. Each address has a quota of its own. */
  readonly egress: string
  readonly clock: Clock
  /** The most requests of all instances in any second. @defaultValue 24 */
  readonly perSecond?: number | undefined
}

/** A second, and some more because the clocks of instances differ: a place is free by the clock of the instance that takes it. */
const restMs = 1_100
/** Longer than any request to the admin API. */
const lostPlaceMs = 15_000
const longestPauseSeconds = 30
const longestWaitMs = 1_000

type Granted = Extract<AdminPlace, { kind: 'granted' }>

/**
 * Creates one quota for all instances of one address. A caller first takes a place of its own process, so that few ask Postgres
 * at once, and then a shared one. While Postgres is away each instance keeps to its own quota. If they are too many together,
 * the admin API answers 429 and all pause.
 */
export function createPostgresAdminQuota(
  statements: PostgresStatements,
  options: SharedQuotaOptions,
): AdminQuota {
  const { local } = options
  const places = createPlaces(statements, options)
  const shared = async (own: Granted, untilMs: number): Promise<AdminPlace> => {
    const id = crypto.randomUUID()
    for (;;) {
      const waitMs = await places.take(id).catch(() => null)
      if (waitMs === null) return own
      if (waitMs === 0) return both(own, () => places.rest(id))
      if (performance.now() + waitMs > untilMs) {
        own.free()
        return { kind: 'refused', retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) }
      }
      await sleep((waitMs * (1 + Math.random() / 4)) / 1000)
    }
  }
  return {
    async take(waitSeconds) {
      const untilMs = performance.now() + waitSeconds * 1000
      const own = await local.take(waitSeconds)
      return own.kind === 'granted' ? await shared(own, untilMs) : own
    },
    pause(seconds) {
      local.pause(seconds)
      const ms = Math.ceil(Math.min(Math.max(seconds, 0), longestPauseSeconds) * 1000)
      if (ms > 0) places.pause(ms)
    },
  }
}

/** Creates the shared places of one address. */
function createPlaces(
  { schema, run }: PostgresStatements,
  { egress, clock, perSecond = 24 }: SharedQuotaOptions,
) {
  const sql = placeStatements(schema)
  const name = toColumn(egress)
  const nowMs = () => Math.floor(clock() * 1000)
  /** Returns 0 if the place was taken, or the milliseconds after which to ask again. */
  const take = async (id: string): Promise<number> => {
    const now = nowMs()
    const [row] = await run(sql.take, [name, id, now, now + lostPlaceMs, perSecond])
    if (numberOf(row, 'taken') > 0) return 0
    if (numberOf(row, 'places') < perSecond) {
      // The first caller of all, or the first one after a crash of the server.
      await run(sql.create, [name, perSecond])
      return await take(id)
    }
    // A place is free, and other callers are just taking it.
    const isContended = numberOf(row, 'free_at_ms') <= now
    return isContended ? await take(id) : Math.min(numberOf(row, 'free_at_ms') - now, longestWaitMs)
  }
  return {
    take,
    rest(id: string): void {
      // If this fails, the place is free again when its holder counts as dead.
      run(sql.rest, [name, id, nowMs() + restMs]).catch(() => {})
    },
    pause(ms: number): void {
      run(sql.pause, [name, nowMs() + ms]).catch(() => {})
    },
  }
}

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

/** Place -1 is the pause of all. A place that another caller is just taking is passed over. */
function placeStatements(schema: string) {
  const places = `${schema}.admin_places`
  return {
    take: `
      WITH paused AS (
        SELECT free_at_ms FROM ${places} WHERE egress = $1::text AND place = -1 AND free_at_ms > $3::bigint
      ), free AS (
        SELECT place FROM ${places}
        WHERE egress = $1::text AND place >= 0 AND place < $5::bigint AND free_at_ms <= $3::bigint
          AND NOT EXISTS (SELECT FROM paused)
        ORDER BY place LIMIT 1 FOR UPDATE SKIP LOCKED
      ), taken AS (
        UPDATE ${places} AS spot SET held_by = $2::text, free_at_ms = $4::bigint
        FROM free WHERE spot.egress = $1::text AND spot.place = free.place
        RETURNING spot.place
      )
      SELECT (SELECT count(*) FROM taken) AS taken, count(*) AS places,
        coalesce((SELECT free_at_ms FROM paused), min(free_at_ms)) AS free_at_ms
      FROM ${places} WHERE egress = $1::text AND place >= 0 AND place < $5::bigint`,
    create: `
      INSERT INTO ${places} (egress, place, free_at_ms)
      SELECT $1::text, place, 0 FROM generate_series(0, $2::integer - 1) AS place ON CONFLICT DO NOTHING`,
    rest: `
      UPDATE ${places} SET free_at_ms = $3::bigint WHERE egress = $1::text AND held_by = $2::text`,
    pause: `
      INSERT INTO ${places} AS known (egress, place, free_at_ms) VALUES ($1::text, -1, $2::bigint)
      ON CONFLICT (egress, place) DO UPDATE SET free_at_ms = GREATEST(known.free_at_ms, excluded.free_at_ms)`,
  }
}
