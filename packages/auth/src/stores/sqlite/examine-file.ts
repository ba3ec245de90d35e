import { accessSync, closeSync, constants, existsSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { retryWhileBusy } from './busy.js'
import { explain, refusal, refuseOthers } from './open-database.js'
import { readSchemaState } from './schema.js'

/** What a database file is like, before a service opens it. */
export interface SqliteExamination {
  /** `wal` once a service has opened it. */
  readonly journal: string
  /** Nothing was ever written into it. */
  readonly isEmpty: boolean
}

const busySeconds = 2

/**
 * Looks at an existing file as the service would at its start, and writes nothing into it: the write lock alone proves that
 * it could.
 * @throws Error in one line, when the service could not use it
 */
export async function examineSqliteFile(path: string): Promise<SqliteExamination> {
  mustBeWritable(path)
  let database: DatabaseSync | undefined
  try {
    const opened = new DatabaseSync(path)
    database = opened
    return await retryWhileBusy(() => examine(opened, path), busySeconds)
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
  return { journal: String(row?.['journal_mode']), isEmpty: readSchemaState(database) === 'empty' }
}

/**
 * Asked before SQLite is: it opens what it may only read without a word, and leaves a log beside it with rights that would
 * keep the service out later.
 */
function mustBeWritable(path: string): void {
  if (!statSync(path).isFile()) throw refusal(path, 'it is no file')
  const places = [path, `${path}-wal`, `${path}-shm`].filter((place) => existsSync(place))
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK)
    for (const place of places) closeSync(openSync(place, 'r+'))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    throw refusal(
      path,
      `this user cannot write it, its log or its folder${code}; change their owner or rights`,
      error,
    )
  }
}
