import { toEpochEntry, type SessionRows } from '../../sessions/index.js'
import { numberOf, textOf } from '../columns.js'
import { toEnded, type PolledFeed } from '../polled-feed.js'
import type { D1Statements } from './statements.js'

/** Returns the epoch of the store, as a part of a statement. */
export function presentEpoch(table: D1Statements['table']): string {
  return `coalesce((SELECT epoch FROM ${table('store_epoch')}), 0)`
}

/** Creates the epoch of a D1 store. A replacement is one transaction, which counts the sessions that it ends first. */
export function createD1Epoch(
  { table, run, runAll }: D1Statements,
  feed: Pick<PolledFeed, 'publish'>,
): Pick<SessionRows, 'readEpoch' | 'replaceEpoch'> {
  const sql = epochStatements(table)
  return {
    async readEpoch() {
      const [row] = await run(sql.read)
      return row ? { epoch: numberOf(row, 'epoch'), mark: textOf(row, 'mark') } : null
    },
    async replaceEpoch({ next: { epoch, mark }, expected, at }) {
      const entry = toEpochEntry({ epoch, mark }, at)
      const [counted, announced = []] = await runAll([
        [sql.count, epoch, entry.endedAt, expected],
        [sql.announce, entry.id, entry.endedAt, expected],
        [sql.replace, epoch, mark, expected],
      ])
      if (announced.length === 0) return null
      feed.publish(announced.map(toEnded))
      return numberOf(counted?.[0], 'live')
    },
  }
}

/** The last value is the mark that the store must have. */
function epochStatements(table: D1Statements['table']) {
  const [epochs, entries] = [table('store_epoch'), table('ended_sessions')]
  const isExpected = `(SELECT mark FROM ${epochs}) IS ?3`
  return {
    read: `SELECT epoch, mark FROM ${epochs}`,
    count: `
      SELECT count(*) AS live FROM ${table('sessions')}
      WHERE ${isExpected} AND ended_at IS NULL AND epoch >= ${presentEpoch(table)} AND epoch < ?1 AND expires_at > ?2`,
    // An entry that is there already stays, and is announced again.
    announce: `
      INSERT INTO ${entries} (id, ended_at) SELECT ?1, ?2 WHERE ${isExpected}
      ON CONFLICT (id) DO UPDATE SET ended_at = ended_at RETURNING id, ended_at`,
    replace: `
      INSERT INTO ${epochs} (only_row, epoch, mark) SELECT 1, ?1, ?2 WHERE ${isExpected}
      ON CONFLICT (only_row) DO UPDATE SET epoch = excluded.epoch, mark = excluded.mark`,
  }
}
