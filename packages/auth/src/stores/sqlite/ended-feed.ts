import { nextTurn } from '../../base/slices.js'
import type { EndedSession } from '../../sessions/index.js'
import type { EndedFeed } from '../ended-sessions.js'
import type { Connection, Row, Statements } from './connection.js'

/** Adds an ended session to the feed that all processes read. One that is in the feed stays as it is. */
export const insertEnded = `
  INSERT INTO ended_sessions (id, ended_at) VALUES (:id, :at) ON CONFLICT (id) DO NOTHING`

/** So many entries are read in one turn of the event loop. */
const readAtOnce = 2_000

/** Selects entries of the feed after a sequence number that ended at or after an instant. */
const selectEnded = `
  SELECT seq, id, ended_at FROM ended_sessions WHERE seq > :seq AND ended_at >= :at ORDER BY seq LIMIT ${readAtOnce}`

/** Selects the last sequence number of the feed, removed entries included. */
const selectLastEnded = `SELECT seq FROM sqlite_sequence WHERE name = 'ended_sessions'`

/** Yields the sessions that ended at or after an instant, some in each turn. */
export async function* endedSince(
  { read }: Pick<Connection, 'read'>,
  at: number,
): AsyncGenerator<readonly EndedSession[]> {
  let seq = 0
  for (;;) {
    const after = seq
    const rows = await read((statements) => statements.all(selectEnded, { seq: after, at }))
    if (rows.length > 0) yield rows.map(toEnded)
    if (rows.length < readAtOnce) return
    seq = seqOf(rows.at(-1), seq)
    await nextTurn()
  }
}

/** Creates a function that publishes the sessions that other processes ended since its last call, or since now. */
export async function createEndedPoll(
  { read }: Pick<Connection, 'read'>,
  feed: EndedFeed,
): Promise<() => Promise<void>> {
  let seen = await read((statements) => ({
    version: dataVersion(statements),
    seq: Number(statements.one(selectLastEnded)?.['seq'] ?? 0),
  }))
  return async () => {
    let isMore = true
    while (isMore) {
      const { seq } = seen
      const { version, rows } = await read((statements) => {
        // SQLite counts the commits of other connections. While it does not change, the feed is not read.
        const version = dataVersion(statements)
        const rows = version === seen.version ? [] : statements.all(selectEnded, { seq, at: 0 })
        return { version, rows }
      })
      isMore = rows.length === readAtOnce
      // While there is more to read, the version stays that of the last complete reading.
      seen = { version: isMore ? seen.version : version, seq: seqOf(rows.at(-1), seq) }
      feed.publish(rows.map(toEnded))
      if (isMore) await nextTurn()
    }
  }
}

function dataVersion(statements: Statements): number {
  return Number(statements.one('PRAGMA data_version')?.['data_version'])
}

function toEnded(row: Row): EndedSession {
  return { id: String(row['id']), endedAt: Number(row['ended_at']) }
}

function seqOf(row: Row | undefined, otherwise: number): number {
  return Number(row?.['seq'] ?? otherwise)
}
