import { toEpochEntry, type SessionRows } from '../../sessions/index.js'
import { numberOf, numberOrNull, textOf } from '../columns.js'
import { toEnded, type PolledFeed } from '../polled-feed.js'
import { addToFeed } from './ended-feed.js'
import type { PostgresStatements } from './statements.js'

/** Returns the epoch of the store, as a part of a statement. */
export function presentEpoch(schema: string): string {
  return `coalesce((SELECT epoch FROM ${schema}.store_epoch), 0)`
}

/** Creates the epoch of a Postgres store. */
export function createPostgresEpoch(
  { schema, run }: PostgresStatements,
  feed: Pick<PolledFeed, 'publish'>,
  countedAtOnce: number = usuallyCountedAtOnce,
): Pick<SessionRows, 'readEpoch' | 'replaceEpoch'> {
  const sql = epochStatements(schema)
  /** Everything has ended by now. If the store does not answer, the result is what was counted until then. */
  const countLive = async ({ before, epoch, at }: Ended): Promise<number> => {
    let [live, after] = [0, [before, at]]
    while (after.length > 0) {
      const counted = await run(sql.count, [epoch, at, ...after, countedAtOnce]).catch(() => [])
      live += numberOf(counted[0], 'live')
      after = counted.flatMap((row) =>
        ['next_epoch', 'next_expires_at'].flatMap((column) => numberOrNull(row, column) ?? []),
      )
    }
    return live
  }
  return {
    async readEpoch() {
      const [row] = await run(sql.read)
      return row ? { epoch: numberOf(row, 'epoch'), mark: textOf(row, 'mark') } : null
    },
    async replaceEpoch({ next: { epoch, mark }, expected, at }) {
      const entry = toEpochEntry({ epoch, mark }, at)
      const announced = await run(sql.replace, [epoch, mark, expected, entry.id, entry.endedAt])
      if (announced.length === 0) return null
      feed.publish(announced.map(toEnded))
      return await countLive({ before: numberOf(announced[0], 'before'), epoch, at: entry.endedAt })
    },
  }
}

/** The sessions of epochs from `before` on that have ended with the beginning of `epoch`. */
interface Ended {
  readonly before: number
  readonly epoch: number
  readonly at: number
}

/** So many sessions are counted in a fraction of the time that a statement may take, also if no page of the table is in memory. */
const usuallyCountedAtOnce = 100_000

/** Of the count: $1 the epoch that has begun, $2 now, $3 and $4 the epoch and the expiry of the last session that was counted, $5 how many at once. */
function epochStatements(schema: string) {
  const isCounted = `ended_at IS NULL AND epoch < $1::bigint AND expires_at > $2::bigint AND (epoch, expires_at) > ($3::bigint, $4::bigint)`
  return {
    read: `SELECT epoch, mark FROM ${schema}.store_epoch`,
    replace: `
      WITH replaced AS (
        INSERT INTO ${schema}.store_epoch AS known (only_row, epoch, mark) VALUES (1, $1::bigint, $2::text)
        ON CONFLICT (only_row) DO UPDATE SET epoch = excluded.epoch, mark = excluded.mark
        WHERE known.mark = $3::text
        RETURNING 1
      ), ended AS (
        SELECT $4::text AS id, $5::bigint AS ended_at FROM replaced
      ), ${addToFeed(schema)}
      SELECT id, ended_at, ${presentEpoch(schema)} AS before FROM ended`,
    count: `
      WITH place AS (
        SELECT epoch, expires_at FROM ${schema}.sessions
        WHERE ${isCounted} ORDER BY epoch, expires_at OFFSET $5::bigint LIMIT 1
      )
      SELECT count(*) AS live, (SELECT epoch FROM place) AS next_epoch, (SELECT expires_at FROM place) AS next_expires_at
      FROM ${schema}.sessions
      WHERE ${isCounted} AND (epoch, expires_at)
        <= (coalesce((SELECT epoch FROM place), $1::bigint), coalesce((SELECT expires_at FROM place), 0))`,
  }
}
