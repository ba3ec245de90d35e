import type { EndedFeed } from '../ended-feed.js'
import type { Connection, Statements } from './connection.js'
import { selectEndedAfter, selectLastEnded } from './session-sql.js'

/** How often another process's revocations are looked for, in seconds. */
export const pollEverySeconds = 1

/** Looks once for sessions that other processes ended since the last look, and tells of them. */
export type PollEnded = () => Promise<void>

/** Starts from the feed as it stands now. */
export async function createEndedPoll(connection: Connection, feed: EndedFeed): Promise<PollEnded> {
  let seen = await connection.read((statements) => ({
    version: dataVersion(statements),
    seq: Number(statements.one(selectLastEnded)?.['seq'] ?? 0),
  }))
  return async () => {
    const { version, rows } = await connection.read((statements) => {
      // SQLite counts the commits of other connections: while nobody wrote, a look costs no query.
      const version = dataVersion(statements)
      const rows = version === seen.version ? [] : statements.all(selectEndedAfter, { seq: seen.seq })
      return { version, rows }
    })
    seen = { version, seq: Number(rows.at(-1)?.['seq'] ?? seen.seq) }
    feed.tell(rows.map((row) => ({ id: String(row['id']), endedAt: Number(row['ended_at']) })))
  }
}

function dataVersion(statements: Statements): number {
  return Number(statements.one('PRAGMA data_version')?.['data_version'])
}
