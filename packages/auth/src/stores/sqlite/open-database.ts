import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { retryWhileBusy, sqliteCodeOf } from './busy.js'
import { migrate, readSchemaState, schemaVersion } from './schema.js'

/** Two processes that start at once wait for each other's migration this long, in seconds. */
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
 * Opens the database file, makes it where there is none (mode 0600), and brings its schema up to date.
 * @throws Error in one line, when the path cannot be written, or the file is damaged, foreign or from a newer version
 */
export async function openDatabase(path: string): Promise<DatabaseSync> {
  createFile(path)
  let database: DatabaseSync | undefined
  try {
    const opened = new DatabaseSync(path)
    database = opened
    await retryWhileBusy(() => prepare(opened, path), startWaitSeconds)
    return opened
  } catch (error) {
    database?.close()
    throw explain(path, error)
  }
}

function createFile(path: string): void {
  try {
    if (!existsSync(dirname(path))) mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    closeSync(openSync(path, 'a', 0o600))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    throw refusal(path, `it cannot be written${code}`, error)
  }
}

function prepare(database: DatabaseSync, path: string): void {
  refuseOthers(database, path)
  const mode = database.prepare('PRAGMA journal_mode = WAL').get()
  if (mode?.['journal_mode'] !== 'wal') throw refusal(path, 'its file system has no write-ahead log')
  // FULL: a rotation that was answered survives a power cut. busy_timeout 0: a wait never blocks the event loop.
  database.exec('PRAGMA synchronous = FULL; PRAGMA busy_timeout = 0; PRAGMA trusted_schema = OFF')
  migrate(database)
  // Reads a page of every table, so that the damage most often met is found at the start.
  database.exec('SELECT 1 FROM sessions LIMIT 1; SELECT 1 FROM signing_keys LIMIT 1')
}

/** @throws Error in one line, when the file is another program's or a newer version's */
export function refuseOthers(database: DatabaseSync, path: string): void {
  const state = readSchemaState(database)
  if (state === 'foreign') throw refusal(path, 'the file belongs to another program')
  if (typeof state === 'object' && state.version > schemaVersion) {
    const versions = `schema ${state.version}, this one knows ${schemaVersion}`
    throw refusal(path, `it was written by a newer version of Perennial (${versions})`)
  }
}

/** Makes one line of what SQLite says; anything else stays as it is. */
export function explain(path: string, error: unknown): unknown {
  const code = sqliteCodeOf(error)
  return code === null ? error : refusal(path, problems.get(code) ?? `SQLite reports code ${code}`, error)
}

/** Why a store cannot be used, in one line. */
export function refusal(path: string, problem: string, cause?: unknown): Error {
  return new Error(`The store sqlite:${path} cannot be used: ${problem}.`, { cause })
}
