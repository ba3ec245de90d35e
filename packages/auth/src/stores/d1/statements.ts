import { failure } from '../../base/failures.js'
import { shareRun } from '../../base/single-flight.js'
import { startTimeLimit } from '../../base/time-limit.js'
import type { Row } from '../columns.js'
import { latestVersion, migration } from './schema.js'

/** A value of a statement. */
export type D1Value = string | number | null

/** The result of one statement. */
export interface D1LikeResult {
  readonly results: readonly Row[]
}

/** A prepared statement of D1, as far as the store uses it. */
export interface D1LikeStatement {
  bind(...values: D1Value[]): D1LikeStatement
  all(): Promise<D1LikeResult>
}

/** A D1 database, as far as the store uses it: the binding of a Worker. */
export interface D1LikeDatabase {
  prepare(query: string): D1LikeStatement
  /** Runs statements as one transaction. */
  batch(statements: D1LikeStatement[]): Promise<readonly D1LikeResult[]>
}

/** One statement and its values for `?1`, `?2`… */
export type D1Step = readonly [text: string, ...values: D1Value[]]

/**
 * Runs statements, after the tables were created once. Each call is one transaction. It rejects with `AUTH_UNAVAILABLE` within about
 * 5 s if D1 does not answer or fails; whether it was done is then unknown if no answer came.
 */
export interface D1Statements {
  /** Returns the name of a table. */
  readonly table: (name: string) => string
  readonly run: (...step: D1Step) => Promise<readonly Row[]>
  /** Returns the rows of each step. */
  readonly runAll: (steps: readonly D1Step[]) => Promise<readonly (readonly Row[])[]>
  /** Creates the tables. @throws Error with one line, if a newer version of Perennial has changed them */
  readonly ready: () => Promise<void>
  /** From now on statements are refused. */
  readonly close: () => void
}

/** A fault that only the operator can correct, in one line. It is the cause of an `AUTH_UNAVAILABLE`. */
class D1SetupError extends Error {
  override readonly name = 'D1SetupError'
}

/** Creates the statements of the tables with a prefix. Nothing is sent before the first one. */
export function createD1Statements(
  database: D1LikeDatabase,
  { prefix, answerSeconds }: { readonly prefix: string; readonly answerSeconds: number },
): D1Statements {
  const table = (name: string) => `"${prefix}_${name}"`
  let isReady = false
  let isClosed = false

  const send = async (steps: readonly D1Step[]): Promise<readonly (readonly Row[])[]> => {
    if (isClosed) throw failure('storeClosed')
    const results = await startTimeLimit(answerSeconds)
      .race(sendTo(database, steps), null)
      .catch((error: unknown) => {
        throw away(codeOf(error))
      })
    if (results === null) throw away('no answer in time')
    return results.map((result) => result.results)
  }
  const ready = shareRun(async () => {
    if (isReady) return
    const answers = await send(migration(table).map((text) => [text] as const))
    const version = Number(answers.at(-1)?.[0]?.['version'])
    if (version > latestVersion) throw failure('storeUnreachable', { cause: newerVersion(prefix) })
    isReady = true
  })
  const runAll: D1Statements['runAll'] = async (steps) => {
    if (!isReady) await ready()
    return await send(steps)
  }
  return {
    table,
    ready,
    runAll,
    run: async (...step) => (await runAll([step]))[0] ?? [],
    close: () => {
      isClosed = true
    },
  }
}

async function sendTo(database: D1LikeDatabase, steps: readonly D1Step[]): Promise<readonly D1LikeResult[]> {
  const prepared = steps.map(([text, ...values]) => database.prepare(text).bind(...values))
  const [only, ...others] = prepared
  return only && others.length === 0 ? [await only.all()] : await database.batch(prepared)
}

function newerVersion(prefix: string): Error {
  return new D1SetupError(
    `The tables ${prefix}_… of the D1 store were made by a newer version of Perennial: deploy that version, or choose another prefix.`,
  )
}

function away(kind: string): Error {
  return failure('storeUnreachable', { cause: new Error(kind) })
}

/** The message of an error may contain values of the statement, so only its code is kept. */
function codeOf(error: unknown): string {
  const found = error instanceof Error ? /SQLITE_[A-Z_]+/.exec(error.message) : null
  return found?.[0] ?? 'no answer'
}
