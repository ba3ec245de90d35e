import { existsSync } from 'node:fs'
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { EndedSession } from '../../sessions/index.js'
import { endedKeptSeconds, signInCutoffKeptSeconds } from '../ended-sessions.js'
import { createStatements, type Row } from '../sqlite/connection.js'
import { openDatabase } from '../sqlite/database-file.js'
import { createSqliteOwner } from '../sqlite/owner.js'
import { presentEpoch, readEpoch } from '../sqlite/epoch.js'
import { toRow } from '../sqlite/rows.js'
import { selectSigningKeys, toSigningKey } from '../sqlite/identity.js'
import { busyWaitSeconds, inTransaction, isBusy, retryWhileBusy } from '../sqlite/write-queue.js'
import type { Batches, MovedCutoff, MovedSession, MovedWebhook, MoveSource } from './move-source.js'

const batchRows = 200

/**
 * Opens the file for this process alone, so that nothing is written to it while it is read.
 * @throws Error with a message of one line, if there is no such file, it is in use or cannot be read
 */
export async function openSqliteSource(path: string): Promise<MoveSource> {
  if (!existsSync(path))
    throw new Error(`There is no store at sqlite:${path}: STORE_URL must be what the service ran with.`)
  const database = await openDatabase(path)
  try {
    await lockExclusively(database, path)
  } catch (error) {
    database.close()
    throw error
  }
  return createSource(database)
}

/** In this mode the lock is granted only if no other process has the file open, idle or not. */
async function lockExclusively(database: DatabaseSync, path: string): Promise<void> {
  try {
    await retryWhileBusy(
      () => database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT'),
      busyWaitSeconds,
    )
  } catch (error) {
    if (!isBusy(error)) throw error
    throw new Error(
      `The store sqlite:${path} is in use. Nothing was moved; stop every service that runs on it and move again.`,
      { cause: error },
    )
  }
}

function createSource(database: DatabaseSync): MoveSource {
  const statements = createStatements(database)
  return {
    owner: createSqliteOwner({
      read: async (work) => work(statements),
      write: async (work) => inTransaction(database, () => work(statements)),
    }),
    signingKeys: async () => database.prepare(selectSigningKeys).all().map(toSigningKey),
    epoch: async () => readEpoch(statements),
    endedSessions: (now) => readTable(database, endedSessions, now - endedKeptSeconds),
    cutoffs: (now) => readTable(database, cutoffs, now - signInCutoffKeptSeconds),
    webhooks: (now) => readTable(database, webhooks, now),
    sessions: (now) => readTable(database, sessions, now),
    // The lock is held until the end.
    checkUnused: async () => {},
    close: async () => database.close(),
  }
}

interface Table<T> {
  readonly table: string
  /** The column that orders the rows. */
  readonly key: string
  readonly isLive: string
  readonly read: (row: Row) => T
}

const endedSessions: Table<EndedSession> = {
  table: 'ended_sessions',
  key: 'seq',
  isLive: 'ended_at > :over',
  read: (row) => ({ id: String(row['id']), endedAt: Number(row['ended_at']) }),
}

const cutoffs: Table<MovedCutoff> = {
  table: 'sign_in_cutoffs',
  key: 'member_id',
  isLive: 'set_at > :over',
  read: (row) => ({
    memberId: String(row['member_id']),
    issuedUntil: Number(row['issued_until']),
    setAt: Number(row['set_at']),
  }),
}

const webhooks: Table<MovedWebhook> = {
  table: 'webhook_messages',
  key: 'id',
  isLive: 'forget_at > :over',
  read: (row) => ({ id: String(row['id']), forgetAt: Number(row['forget_at']) }),
}

const sessions: Table<MovedSession> = {
  table: 'sessions LEFT JOIN sign_in_cutoffs USING (member_id)',
  key: 'row_id',
  isLive: `expires_at > :over AND (ended_at > :over - ${endedKeptSeconds} OR (ended_at IS NULL AND epoch >= ${presentEpoch}))`,
  read: (row) => ({ row: toRow(row), refusedUntil: Number(row['issued_until'] ?? 0) }),
}

/** @param over - the instant that `isLive` compares to */
function readTable<T>(database: DatabaseSync, table: Table<T>, over: number): Batches<T> {
  const counted = database
    .prepare(`SELECT count(*) AS found FROM ${table.table} WHERE (${table.isLive}) IS NOT TRUE`)
    .get({ over })
  return {
    over: () => Number(counted?.['found']),
    batches: { [Symbol.iterator]: () => walk(database, table, over) },
  }
}

function* walk<T>(database: DatabaseSync, from: Table<T>, over: number): Generator<readonly T[]> {
  const { table, key, isLive, read } = from
  const select = (where: string) =>
    database.prepare(`SELECT * FROM ${table} WHERE (${isLive}) ${where} ORDER BY ${key} LIMIT ${batchRows}`)
  const [first, next] = [select(''), select(`AND ${key} > :last`)]
  let last: SQLInputValue | undefined
  for (;;) {
    const rows = last === undefined ? first.all({ over }) : next.all({ over, last })
    last = rows.at(-1)?.[key]
    if (last === undefined) return
    yield rows.map(read)
  }
}
