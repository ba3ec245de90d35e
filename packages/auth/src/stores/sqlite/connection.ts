import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite'
import { failure } from '../../base/failures.js'
import { openDatabase } from './database-file.js'
import { busyWaitSeconds, retryWhileBusy, createWriteQueue } from './write-queue.js'

/** The values of the named parameters of a statement. */
export type Parameters = Record<string, SQLInputValue>

/** One row, by the names of its columns. */
export type Row = Record<string, SQLOutputValue>

/** Runs constant SQL. Each text is compiled once. */
export interface Statements {
  one(sql: string, parameters?: Parameters): Row | undefined
  all(sql: string, parameters?: Parameters): readonly Row[]
  /** Returns the number of rows that changed. */
  run(sql: string, parameters?: Parameters): number
  /** Runs several statements without parameters. */
  script(sql: string): void
}

/** An open database file. Reads and writes reject with `AUTH_UNAVAILABLE` if it cannot answer within 2 s. */
export interface Connection {
  readonly read: <T>(work: (statements: Statements) => T) => Promise<T>
  /** Runs one atomic step. It is on disk when the promise resolves, and not done if it rejects. */
  readonly write: <T>(work: (statements: Statements) => T) => Promise<T>
  /** Runs one atomic step that a crash of the machine may undo. It causes no flush to the disk. */
  readonly writeUnflushed: <T>(work: (statements: Statements) => T) => Promise<T>
  /**
   * Rejects with `AUTH_UNAVAILABLE` if the file cannot be written. Takes the write lock at each call, and writes a page to the disk
   * every few seconds: a flush to the disk costs more than all else.
   */
  readonly checkWritable: () => Promise<void>
  /** Finishes the writes under way. */
  close(): Promise<void>
}

/** Opens a database file. @throws Error with a message of one line, if the file cannot be used */
export async function openConnection(path: string): Promise<Connection> {
  const database = await openDatabase(path)
  const statements = createStatements(database)
  const queue = createWriteQueue(database)
  let closed = false
  const write: Connection['write'] = (work) => queue.add(() => work(statements))
  return {
    read: async (work) => {
      if (closed) throw failure('storeClosed')
      try {
        return await retryWhileBusy(() => work(statements), busyWaitSeconds)
      } catch (cause) {
        throw failure('storeUnreadable', { cause })
      }
    },
    write,
    writeUnflushed: (work) => queue.addUnflushed(() => work(statements)),
    checkWritable: createWriteCheck(write),
    close: async () => {
      if (closed) return
      closed = true
      await queue.close()
      database.close()
    },
  }
}

/** A page is written again for a check after so many seconds. */
const writeEverySeconds = 3

function createWriteCheck(write: Connection['write']): () => Promise<void> {
  let writtenAt = -Infinity
  return async () => {
    const now = performance.now() / 1000
    const isDue = now >= writtenAt + writeEverySeconds
    // After a failure the next check writes.
    if (isDue) writtenAt = -Infinity
    await write((statements) => {
      if (isDue) rewriteVersion(statements)
    })
    if (isDue) writtenAt = now
  }
}

/** Writes the first page with the content that it has. The version is read first: a newer Perennial may have changed it. */
function rewriteVersion(statements: Statements): void {
  const row = statements.one('PRAGMA user_version')
  statements.script(`PRAGMA user_version = ${Number(row?.['user_version'])}`)
}

/** Creates the statements of a database. */
export function createStatements(database: DatabaseSync): Statements {
  const compiled = new Map<string, ReturnType<DatabaseSync['prepare']>>()
  const compile = (sql: string) => {
    const known = compiled.get(sql)
    if (known) return known
    const statement = database.prepare(sql)
    compiled.set(sql, statement)
    return statement
  }
  return {
    one: (sql, parameters = {}) => compile(sql).get(parameters),
    all: (sql, parameters = {}) => compile(sql).all(parameters),
    run: (sql, parameters = {}) => Number(compile(sql).run(parameters).changes),
    script: (sql) => database.exec(sql),
  }
}
