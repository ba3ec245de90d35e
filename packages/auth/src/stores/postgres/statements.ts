import { KnownCause } from '../../base/causes.js'
import { AuthError } from '../../base/errors.js'
import { failure } from '../../base/failures.js'
import { shareRun } from '../../base/single-flight.js'
import { sleep, startTimeLimit } from '../../base/time-limit.js'
import { noPasswordCode, noTlsCode, type PostgresClient, type PostgresRow } from './client.js'
import { migration, migrationStates, quotedSchema } from './schema.js'

/** A value of a statement. */
export type PostgresValue = string | number | null

/**
 * Runs single statements, after the schema was migrated once. Each rejects with `AUTH_UNAVAILABLE` within about 5 s if PostgreSQL does not
 * answer or fails; whether the statement was done is then unknown if no answer came.
 */
export interface PostgresStatements {
  /** The name of the schema, quoted. */
  readonly schema: string
  readonly run: (text: string, values?: readonly PostgresValue[]) => Promise<readonly PostgresRow[]>
  /** Resolves when the schema has been migrated. */
  readonly ready: () => Promise<void>
  /** From now on statements are refused. */
  readonly close: () => void
}

/** A fault that only the operator can correct, in one line. It is the cause of an `AUTH_UNAVAILABLE`. */
class PostgresSetupError extends KnownCause {
  override readonly name = 'PostgresSetupError'
}

/** The longest time for the answer to a statement, in seconds. */
const stepTimeoutSeconds = 4.5
/** The longest time for a migration, which may wait for that of another instance, in seconds. */
const migrationTimeoutSeconds = 10
/** More statements under way are refused at once, so that memory stays bounded. */
const mostUnderWay = 20_000
const mostTurns = 5

/** Serialization failure and deadlock: PostgreSQL has undone the statement, and asks for another attempt. */
const undone = ['40001', '40P01']
/** Another instance creates the same things: unique violation, duplicate schema, table and object. */
const duplicates = ['23505', '42P06', '42P07', '42710']

/** Creates the statements of a schema. Nothing is sent before the first one. */
export function createStatements(client: PostgresClient, prefix: string): PostgresStatements {
  const schema = quotedSchema(prefix)
  const sender = createSender(client)
  let isReady = false

  const ready = shareRun(async () => {
    if (isReady) return
    const repeatOn = [...undone, ...duplicates]
    try {
      await sender.send({ text: migration(schema), values: [], repeatOn, seconds: migrationTimeoutSeconds })
    } catch (error) {
      throw setupFailure(error, prefix)
    }
    isReady = true
  })
  return {
    schema,
    ready,
    async run(text, values = []) {
      if (!isReady) await ready()
      try {
        return await sender.send({ text, values, repeatOn: undone, seconds: stepTimeoutSeconds })
      } catch (error) {
        throw awayOf(error)
      }
    },
    close: sender.close,
  }
}

interface Statement {
  readonly text: string
  readonly values: readonly PostgresValue[]
  /** The statement is sent again after an error with one of these codes. */
  readonly repeatOn: readonly string[]
  /** The longest time for the answer. */
  readonly seconds: number
}

/** Sends statements within bounds of time and number. It rejects with the error of the driver, or `AUTH_UNAVAILABLE`. */
function createSender(client: PostgresClient) {
  let isClosed = false
  let underWay = 0

  const attempt = async (statement: Statement, turn: number): Promise<readonly PostgresRow[]> => {
    const { text, values, repeatOn } = statement
    try {
      return (await client.query(text, [...values])).rows
    } catch (error) {
      const state = codeOf(error)
      if (turn === mostTurns || isClosed || state === null || !repeatOn.includes(state)) throw error
    }
    await sleep((turn * Math.random()) / 50)
    return await attempt(statement, turn + 1)
  }
  const attempts = async (statement: Statement) => {
    underWay += 1
    try {
      return await attempt(statement, 1)
    } finally {
      underWay -= 1
    }
  }
  return {
    async send(statement: Statement): Promise<readonly PostgresRow[]> {
      if (isClosed) throw failure('storeClosed')
      if (underWay >= mostUnderWay) throw away('too many statements under way')
      const rows = await startTimeLimit(statement.seconds).race(attempts(statement), null)
      if (rows === null) throw away('no answer in time')
      return rows
    },
    close: () => {
      isClosed = true
    },
  }
}

function away(kind: string): AuthError {
  return failure('storeUnreachable', { cause: new KnownCause(kind) })
}

/** The error of a driver may contain values of the statement, so only its code is kept. */
function awayOf(error: unknown): AuthError {
  if (error instanceof AuthError) return error
  const code = codeOf(error)
  return away(code === null ? 'no answer' : isSqlState(code) ? `SQLSTATE ${code}` : code)
}

/** Returns the SQLSTATE that PostgreSQL or a pooler answered, or the code of the operating system or of TLS; null without one. */
export function codeOf(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : null
  return typeof code === 'string' && code !== '' ? code : null
}

function isSqlState(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code)
}

function setupFailure(error: unknown, prefix: string): AuthError {
  const code = codeOf(error)
  const problem = code === null ? null : setupProblem(code, prefix)
  return problem === null
    ? awayOf(error)
    : failure('storeUnreachable', { cause: new PostgresSetupError(problem) })
}

/** Returns what the operator has to correct, in one line; null if the trouble may pass by itself. */
function setupProblem(code: string, prefix: string): string | null {
  if (code === migrationStates.newerVersion)
    return `The schema ${prefix} of the Postgres store was made by a newer version of Perennial: start that version, or choose another STORE_PREFIX.`
  if (code === migrationStates.notOwner)
    return `The schema ${prefix} of the Postgres store was made by an older version of Perennial, and this user may not change it: start this version once, or run its doctor, as the user who owns the schema.`
  if (code === migrationStates.missingRights)
    return `The user of the Postgres store lacks a right on a table of the schema ${prefix}, or on a function: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "${prefix}", and GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA "${prefix}".`
  if (code === '42501')
    return `The user of the Postgres store may not create or use the schema ${prefix} (42501): GRANT CREATE ON DATABASE, or create the schema for that user (CREATE SCHEMA "${prefix}" AUTHORIZATION).`
  if (code === '28P01' || code === '28000')
    return `The Postgres store refuses the connection (${code}): check user and password in its address.`
  if (code === noPasswordCode)
    return `The Postgres store asks for a password, and its address has none: postgres://user:password@…`
  if (code === '3D000')
    return `The database of the Postgres store does not exist (3D000): create it, or correct its address.`
  if ([...duplicates, '42703', '42809', 'P0002', 'P0003'].includes(code))
    return `The schema ${prefix} of the Postgres store has tables of another program (${code}): choose another STORE_PREFIX.`
  return tlsProblem(code)
}

function tlsProblem(code: string): string | null {
  if (code === noTlsCode)
    return 'The Postgres store offers no TLS: turn its ssl on, or leave sslmode out of the address if the network is private.'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `The certificate of the Postgres store is for another name (${code}): use a host in the address that the certificate names.`
  if (/CERT|^UNABLE_TO_|^INVALID_|^HOSTNAME_/.test(code))
    return `The certificate of the Postgres store is not trusted (${code}): start with NODE_EXTRA_CA_CERTS=<file of its CA, PEM>, or give it a valid one.`
  return null
}

/** Returns what the operator has to correct before the store can be used; null if an error has another cause. */
export function setupErrorOf(error: unknown): Error | null {
  if (error instanceof AuthError && error.cause instanceof PostgresSetupError) return error.cause
  return null
}
