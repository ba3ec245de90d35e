import type { Clock, Ticker } from '../../base/time.js'
import { createPolledFeed, type PolledFeed } from '../polled-feed.js'
import type { PostgresStatements } from './statements.js'

/**
 * Creates the feed of ended sessions. Numbers are given under a lock of one row (`ended_head`), so they are in the order of the commits.
 * A replica may be behind, and so may a former primary: each read asks for a lock on no row, which a server that takes no writes refuses
 * (25006). The driver then closes the connection, and the next one goes to the primary.
 */
export function createPostgresEndedFeed(
  { schema, run }: PostgresStatements,
  world: { readonly clock: Clock; readonly ticker: Ticker },
): PolledFeed {
  const entries = `${schema}.ended_sessions`
  const onPrimary = `WITH replica AS (SELECT 1 FROM ${schema}.ended_head WHERE only_row = 0 FOR KEY SHARE)`
  const isPrimary = 'NOT EXISTS (SELECT FROM replica)'
  return createPolledFeed(
    {
      readFrom: (seq, limit) =>
        run(
          `${onPrimary} SELECT seq, id, ended_at FROM ${entries}
           WHERE seq >= $1::bigint AND ${isPrimary} ORDER BY seq LIMIT $2::bigint`,
          [seq, limit],
        ),
      readSince: ({ seq, at, limit }) =>
        run(
          `${onPrimary} SELECT seq, id, ended_at FROM ${entries}
           WHERE seq > $1::bigint AND ended_at >= $2::bigint AND ${isPrimary} ORDER BY seq LIMIT $3::bigint`,
          [seq, at, limit],
        ),
      readLast: () => run(`SELECT seq, id FROM ${entries} ORDER BY seq DESC LIMIT 1`),
    },
    world,
  )
}

/**
 * Returns the parts of a statement that add the rows of `ended` (id, ended_at) to the feed, as `head` and `entries`. Every
 * statement locks sessions first and the head last, so that two of them never wait for each other.
 */
export function addToFeed(schema: string): string {
  return `head AS (
    UPDATE ${schema}.ended_head SET seq = seq + (SELECT count(*) FROM ended)
    WHERE only_row = 1 AND (SELECT count(*) FROM ended) > 0
    RETURNING seq
  ), entries AS (
    INSERT INTO ${schema}.ended_sessions (seq, id, ended_at)
    SELECT head.seq - row_number() OVER (ORDER BY ended.id) + 1, ended.id, ended.ended_at FROM ended, head
    ON CONFLICT (id) DO NOTHING
    RETURNING id, ended_at
  )`
}
