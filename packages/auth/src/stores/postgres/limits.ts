import { createBatch } from '../../base/batch.js'
import type { Clock } from '../../base/time.js'
import { otherPlacesOf } from '../../members/index.js'
import { lostPlaceMs, wantedMs, type SharedPlaces } from '../shared-quota.js'
import type { SharedQuotaLimits } from '../store.js'
import { numberOf, textOf, toColumn } from '../columns.js'
import type { PostgresStatements } from './statements.js'
import type { LimitCounter, LimitPolicy } from '../../limits/index.js'

/** A second, and some more because the clocks of instances differ: a place is free by the clock of the instance that takes it. */
const restMs = 1_100
const longestWaitMs = 1_000
/** The wait of a caller that has its share of the places. */
const shareWaitMs = 100

/** The parts of the places that Postgres shares. */
export interface PostgresPlacesOptions extends SharedQuotaLimits {
  /** The name of the address that the requests come from. Each address has places of its own. */
  readonly egress: string
  readonly clock: Clock
}

/** Creates the shared places of one address. */
export function createPostgresPlaces(
  { schema, run }: PostgresStatements,
  { egress, clock, perSecond = 24, reserved }: PostgresPlacesOptions,
): SharedPlaces {
  const sql = placeStatements(schema)
  const name = toColumn(egress)
  const { most, least } = otherPlacesOf(perSecond, reserved)
  const nowMs = () => Math.floor(clock() * 1000)
  const take: SharedPlaces['take'] = async (id, caller) => {
    const { lane, key } = caller
    const now = nowMs()
    const ends = [now + lostPlaceMs, now + wantedMs]
    const values = [name, id, now, ...ends, perSecond, most, least, lane, toColumn(key)]
    const [row] = await run(sql.take, values)
    if (numberOf(row, 'taken') > 0) return 0
    if (numberOf(row, 'places') < perSecond) {
      // The first caller of all, or the first one after a crash of the server.
      await run(sql.create, [name, perSecond])
      return await take(id, caller)
    }
    if (numberOf(row, 'has_share') > 0) return shareWaitMs
    const freeAt = numberOf(row, 'free_at_ms')
    // A place is free, and other callers are just taking it.
    return freeAt <= now ? await take(id, caller) : Math.min(freeAt - now, longestWaitMs)
  }
  return {
    take,
    rest(id) {
      run(sql.rest, [name, id, nowMs() + restMs]).catch(() => {})
    },
    pause(ms) {
      run(sql.pause, [name, nowMs() + ms]).catch(() => {})
    },
  }
}

/**
 * Place -1 is the pause of all. Sign-ins and look-ups (the others) use the first places only, and refreshes leave them the very
 * first ones while they want some: so the parts are exact, whatever other callers do at the same time. When half of their part
 * is in use, each caller of a sign-in that wants a place gets an equal share of it. A place that another caller is just taking
 * is passed over.
 * $1 address, $2 id, $3 now, $4 end of a lost place, $5 end of the wish, $6 places, $7 and $8 most and least places of others,
 * $9 lane, $10 key of the caller.
 */
function takeStatement(places: string, wanted: string): string {
  return `
      WITH wish AS (
        INSERT INTO ${wanted} AS known (egress, caller, until_ms)
        SELECT $1::text, $10::text, $5::bigint WHERE $9::text <> 'renewal'
        ON CONFLICT (egress, caller) DO UPDATE SET until_ms = GREATEST(known.until_ms, excluded.until_ms)
      ), paused AS (
        SELECT free_at_ms FROM ${places} WHERE egress = $1::text AND place = -1 AND free_at_ms > $3::bigint
      ), wishes AS (
        SELECT count(*) AS callers, count(*) FILTER (WHERE caller = $10::text) AS own
        FROM ${wanted} WHERE egress = $1::text AND until_ms > $3::bigint
      ), used AS (
        SELECT count(*) FILTER (WHERE lane <> 'renewal') AS others,
          count(*) FILTER (WHERE lane = 'stranger' AND caller = $10::text) AS own
        FROM ${places} WHERE egress = $1::text AND place >= 0 AND free_at_ms > $3::bigint
      ), bounds AS (
        SELECT CASE WHEN $9::text = 'renewal' AND wishes.callers > 0 AND used.others < $8::bigint THEN $8::bigint ELSE 0 END AS first,
          CASE WHEN $9::text = 'renewal' THEN $6::bigint ELSE $7::bigint END AS past,
          $9::text = 'stranger' AND used.others * 2 >= $7::bigint
            AND used.own >= GREATEST(1, $7::bigint / (wishes.callers + 1 - wishes.own)) AS has_share
        FROM wishes, used
      ), free AS (
        SELECT spot.place FROM ${places} AS spot, bounds
        WHERE spot.egress = $1::text AND spot.place >= bounds.first AND spot.place < bounds.past AND spot.free_at_ms <= $3::bigint
          AND NOT bounds.has_share AND NOT EXISTS (SELECT FROM paused)
        ORDER BY CASE WHEN $9::text = 'renewal' THEN -spot.place ELSE spot.place END LIMIT 1 FOR UPDATE OF spot SKIP LOCKED
      ), taken AS (
        UPDATE ${places} AS spot SET held_by = $2::text, lane = $9::text, caller = $10::text, free_at_ms = $4::bigint
        FROM free WHERE spot.egress = $1::text AND spot.place = free.place
        RETURNING spot.place
      )
      SELECT (SELECT count(*) FROM taken) AS taken,
        (SELECT count(*) FROM ${places} WHERE egress = $1::text AND place >= 0 AND place < $6::bigint) AS places,
        (SELECT count(*) FROM bounds WHERE has_share) AS has_share,
        coalesce((SELECT free_at_ms FROM paused), (
          SELECT min(spot.free_at_ms) FROM ${places} AS spot, bounds
          WHERE spot.egress = $1::text AND spot.place >= bounds.first AND spot.place < bounds.past)) AS free_at_ms`
}

function placeStatements(schema: string) {
  const places = `${schema}.admin_places`
  return {
    take: takeStatement(places, `${schema}.admin_wishes`),
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

/** A key that is counted under the name of its limit. */
interface Counted {
  readonly name: string
  readonly key: string
  readonly windowMs: number
}

/** The counts of one key that come together. */
interface CountGroup extends Counted {
  times: number
}

/**
 * Creates counters that all instances share. The window starts with the first count of its key, by the clock of the instance
 * that makes it. The clocks of instances may differ by a window; a start that is further in the future is that of a clock that
 * was set back since, and the window begins anew. Counts that come together, of any limits and keys, are one statement.
 */
export function createPostgresLimiters(
  { schema, run }: PostgresStatements,
  clock: Clock,
): (policy: LimitPolicy) => LimitCounter {
  const statement = `SELECT * FROM ${schema}.count_limits_1($1::text, $2::bigint)`
  const count = createBatch(async (items: readonly Counted[]) => {
    const nowMs = Math.floor(clock() * 1000)
    const { groups, numbers } = grouped(items)
    const list = [...groups.values()].map(({ name, key, times, windowMs }) => {
      return { name, key: toColumn(key), times, resets_at_ms: nowMs + windowMs }
    })
    const rows = await run(statement, [JSON.stringify(list), nowMs])
    const rowOf = new Map(rows.map((row) => [nameOf(textOf(row, 'name'), textOf(row, 'key')), row]))
    return ({ name, key }, index) => {
      const row = rowOf.get(nameOf(name, key))
      const before = numberOf(row, 'count') - (groups.get(nameOf(name, key))?.times ?? 0)
      const resetSeconds = (numberOf(row, 'resets_at_ms') - nowMs) / 1000
      return { count: before + (numbers[index] ?? 0), resetSeconds }
    }
  })
  return ({ name, windowSeconds }) => ({
    count: (key) => count({ name, key, windowMs: windowSeconds * 1000 }),
  })
}

/** Returns the groups of what is counted together, and the number of each item in its group, from 1. */
function grouped(items: readonly Counted[]) {
  const groups = new Map<string, CountGroup>()
  const numbers = items.map((item) => {
    const name = nameOf(item.name, item.key)
    const group = groups.get(name) ?? { ...item, times: 0 }
    groups.set(name, group)
    group.times += 1
    return group.times
  })
  return { groups, numbers }
}

function nameOf(limit: string, key: string): string {
  return `${limit} ${key}`
}
