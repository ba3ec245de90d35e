import { nextTurn } from '../../base/slices.js'
import { toEpochEntry, type SessionRows, type StoredEpoch } from '../../sessions/index.js'
import type { EndedFeed } from '../ended-sessions.js'
import type { Connection, Parameters, Statements } from './connection.js'
import { insertEnded } from './ended-feed.js'
import { epochVersion } from './schema.js'

/** The epoch of the store, as a part of a statement. */
export const presentEpoch = 'coalesce((SELECT epoch FROM store_epoch), 0)'

const selectEpoch = 'SELECT epoch, mark FROM store_epoch'

const upsertEpoch = `
  INSERT INTO store_epoch (only_row, epoch, mark) VALUES (1, :epoch, :mark)
  ON CONFLICT (only_row) DO UPDATE SET epoch = excluded.epoch, mark = excluded.mark`

/** So many entries of an index are counted in one turn of the event loop. */
const countedAtOnce = 20_000

const ofEarlierEpochs = `FROM sessions
  WHERE ended_at IS NULL AND epoch < :epoch AND expires_at > :at AND (epoch, expires_at, row_id) >= (:inEpoch, :expiresAt, :rowId)`

/** Finds the place after the next entries of the index. */
const selectPlace = `SELECT epoch, expires_at, row_id ${ofEarlierEpochs}
  ORDER BY epoch, expires_at, row_id LIMIT 1 OFFSET ${countedAtOnce}`

const countRest = `SELECT count(*) AS found ${ofEarlierEpochs}`

/** Returns true if the file has an epoch. One of an earlier version that no app has claimed yet has none. */
export function hasEpoch(statements: Statements): boolean {
  return Number(statements.one('PRAGMA user_version')?.['user_version']) >= epochVersion
}

/** Reads the epoch of a store; null if it has none. */
export function readEpoch(statements: Statements): StoredEpoch | null {
  if (!hasEpoch(statements)) return null
  const row = statements.one(selectEpoch)
  return row ? { epoch: Number(row['epoch']), mark: String(row['mark']) } : null
}

/** Creates the epoch of a SQLite store. The listeners of this process get a new one once it is on disk. */
export function createSqliteEpoch(
  connection: Connection,
  feed: EndedFeed,
): Pick<SessionRows, 'readEpoch' | 'replaceEpoch'> {
  const { read, write } = connection
  return {
    readEpoch: () => read(readEpoch),
    async replaceEpoch({ next, expected, at }) {
      const entry = toEpochEntry(next, at)
      const before = await write((statements) => {
        const stored = readEpoch(statements)
        if ((stored?.mark ?? null) !== expected) return null
        statements.run(upsertEpoch, { epoch: next.epoch, mark: next.mark })
        statements.run(insertEnded, { id: entry.id, at: entry.endedAt })
        return stored?.epoch ?? 0
      })
      if (before === null) return null
      feed.publish([entry])
      return await countLive(connection, { before, epoch: next.epoch, at: entry.endedAt })
    },
  }
}

/** Counts some in each turn: a store may hold a million of them. */
async function countLive(
  { read }: Pick<Connection, 'read'>,
  { before, ...request }: { readonly before: number; readonly epoch: number; readonly at: number },
): Promise<number> {
  let place: Parameters = { inEpoch: before, expiresAt: 0, rowId: 0 }
  for (let counted = 0; ; counted += countedAtOnce) {
    const from = { ...request, ...place }
    const next = await read((statements) => statements.one(selectPlace, from))
    if (!next) return counted + Number(await read((statements) => statements.one(countRest, from)?.['found']))
    place = {
      inEpoch: Number(next['epoch']),
      expiresAt: Number(next['expires_at']),
      rowId: Number(next['row_id']),
    }
    await nextTurn()
  }
}
