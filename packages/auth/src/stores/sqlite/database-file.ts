import { accessSync, closeSync, constants, existsSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import process from 'node:process'
import type { DatabaseSync } from 'node:sqlite'
import { migrate, readSchemaState, schemaVersion } from './schema.js'
import { readIdentity, type FileIdentity } from './identity.js'
import { codeOf, prepareStorePath, StorePathError } from './store-path.js'
import { busyWaitSeconds, retryWhileBusy, sqliteCodeOf } from './write-queue.js'

/** The longest wait of a start for the migration of another process, in seconds. */
const startWaitSeconds = 10

const problems: ReadonlyMap<number, string> = new Map([
  [5, 'it stays locked by another process'],
  [8, 'it cannot be written'],
  [10, 'the disk reports an error'],
  [11, 'the file is damaged: restore it from a backup, or move it away to start afresh'],
  [13, 'the disk is full'],
  [14, 'it cannot be opened'],
  [26, 'the file is not a SQLite database: restore it from a backup, or move it away to start afresh'],
])

/**
 * Opens the database file, creates it if there is none (mode 0600), and brings its schema up to date.
 * @throws Error with a message of one line, if the path cannot be written, or the file is damaged, foreign or newer
 */
export async function openDatabase(path: string): Promise<DatabaseSync> {
  createFile(path)
  let database: DatabaseSync | undefined
  try {
    const opened = open(path)
    database = opened
    await retryWhileBusy(() => prepare(opened, path), startWaitSeconds)
    return opened
  } catch (error) {
    database?.close()
    throw explain(path, error)
  }
}

/** Loads SQLite by name: a bundle for a runtime without it has no import of it. */
function open(path: string): DatabaseSync {
  const { DatabaseSync: Database } = process.getBuiltinModule('node:sqlite')
  return new Database(path)
}

function createFile(path: string): void {
  try {
    prepareStorePath(path)
    closeSync(openSync(path, 'a', 0o600))
  } catch (error) {
    if (error instanceof StorePathError) throw refusal(path, `it ${error.message}`, error)
    throw refusal(path, `it cannot be written (${codeOf(error)})`, error)
  }
}

function prepare(database: DatabaseSync, path: string): void {
  refuseOthers(database, path)
  const mode = database.prepare('PRAGMA journal_mode = WAL').get()
  if (mode?.['journal_mode'] !== 'wal') throw refusal(path, 'its file system has no write-ahead log')
  // FULL: an answered rotation survives a power cut. busy_timeout 0: a wait for a lock never blocks the event loop.
  database.exec('PRAGMA synchronous = FULL; PRAGMA busy_timeout = 0; PRAGMA trusted_schema = OFF')
  migrate(database)
  // Reads a page of these tables and of an index, so that the start finds the most frequent kind of damage.
  database.exec(`SELECT 1 FROM sessions NOT INDEXED LIMIT 1; SELECT 1 FROM signing_keys LIMIT 1;
    SELECT 1 FROM sessions INDEXED BY sessions_member WHERE member_id = '' AND ended_at IS NULL LIMIT 1`)
}

/** The state of a database file before a service opens it. */
export interface SqliteExamination extends FileIdentity {
  /** `wal` once a service has opened it. */
  readonly journal: string
  /** True if nothing was ever written to it. */
  readonly isEmpty: boolean
}

/**
 * Examines an existing file as a start of the service would, and writes nothing to it. Taking the write lock proves that
 * it can be written.
 * @throws Error with a message of one line, if the service could not use it
 */
export async function examineSqliteFile(path: string): Promise<SqliteExamination> {
  checkWritable(path)
  let database: DatabaseSync | undefined
  try {
    const opened = open(path)
    database = opened
    return await retryWhileBusy(() => examine(opened, path), busyWaitSeconds)
  } catch (error) {
    throw explain(path, error)
  } finally {
    database?.close()
  }
}

function examine(database: DatabaseSync, path: string): SqliteExamination {
  refuseOthers(database, path)
  database.exec('BEGIN IMMEDIATE; ROLLBACK')
  const row = database.prepare('PRAGMA journal_mode').get()
  const isEmpty = readSchemaState(database) === 'empty'
  return { journal: String(row?.['journal_mode']), isEmpty, ...readIdentity(database) }
}

/**
 * Checks the rights before SQLite opens the file. SQLite opens a read-only file without an error, and creates a log beside
 * it whose rights would keep the service out later.
 */
function checkWritable(path: string): void {
  if (!statSync(path).isFile()) throw refusal(path, 'it is not a file')
  const places = [path, `${path}-wal`, `${path}-shm`].filter((place) => existsSync(place))
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK)
    for (const place of places) closeSync(openSync(place, 'r+'))
  } catch (error) {
    throw refusal(
      path,
      `this user cannot write it, its log or its folder (${codeOf(error)}); change their owner or rights`,
      error,
    )
  }
}

/** @throws Error if the file belongs to another program or was written by a newer version */
function refuseOthers(database: DatabaseSync, path: string): void {
  const state = readSchemaState(database)
  if (state === 'foreign') throw refusal(path, 'the file belongs to another program')
  if (typeof state === 'object' && state.version > schemaVersion) {
    const versions = `schema ${state.version}, this one knows ${schemaVersion}`
    throw refusal(path, `it was written by a newer version of Perennial (${versions})`)
  }
}

/** Returns an error of one line for an error of SQLite. Another error is returned as it is. */
function explain(path: string, error: unknown): unknown {
  const code = sqliteCodeOf(error)
  return code === null ? error : refusal(path, problems.get(code) ?? `SQLite reports code ${code}`, error)
}

function refusal(path: string, problem: string, cause?: unknown): Error {
  return new Error(`The store sqlite:${path} cannot be used: ${problem}.`, { cause })
}
