import { toEpochEntry, type SessionRows } from '../../sessions/index.js'
import { numberOf, textOf } from '../columns.js'
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
): Pick<SessionRows, 'readEpoch' | 'replaceEpoch'> {
  const sql = epochStatements(schema)
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
      const [counted] = await run(sql.count, [numberOf(announced[0], 'before'), epoch, entry.endedAt])
      return numberOf(counted, 'live')
    },
  }
}

function epochStatements(schema: string) {
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
      SELECT count(*) AS live FROM ${schema}.sessions
      WHERE ended_at IS NULL AND epoch >= $1::bigint AND epoch < $2::bigint AND expires_at > $3::bigint`,
  }
}
