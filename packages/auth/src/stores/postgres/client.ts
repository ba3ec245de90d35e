import type { Client, Pool, PoolConfig } from 'pg'
import type { PostgresAddress } from './address.js'

/** A row of an answer, by column names. Whole numbers may be numbers, bigints or texts: drivers differ. */
export type PostgresRow = Readonly<Record<string, unknown>>

/**
 * The one call that the store needs of a client of PostgreSQL. Each call is one statement in a transaction of its own, so a pool,
 * a pooler in transaction mode and a driver over HTTP all work.
 */
export interface PostgresClient {
  /** Runs one statement. `values` are texts, numbers and nulls for `$1`, `$2`… */
  query(text: string, values: (string | number | null)[]): Promise<{ readonly rows: readonly PostgresRow[] }>
}

/** A client that was opened here. */
export interface PostgresPool extends PostgresClient {
  /** Takes a connection out of the pool. */
  readonly take: () => Promise<PostgresConnection>
  readonly end: () => Promise<void>
}

/** One connection. */
export interface PostgresConnection {
  readonly run: (text: string) => Promise<readonly PostgresRow[]>
  /** The process that accepted it; null if it is not known. */
  readonly acceptedBy: number | null
  /** Gives it back to the pool. */
  readonly release: () => void
}

/** The code of an address with `sslmode`, whose server offers no TLS. */
export const noTlsCode = 'NO_TLS'
/** The code of an address without a password, whose server asks for one. */
export const noPasswordCode = 'NO_PASSWORD'

/** The time that a statement may wait for a connection, in milliseconds. */
const connectTimeoutMs = 4_000
/** A connection whose answer takes longer is closed, so that no other statement gets it. */
const silenceMs = 2_500
/** A connection is replaced after so many seconds, so that instances follow a name or a balancer that leads to another server. */
const longestLifeSeconds = 300
/** So many statements run at once unless `?max=` says otherwise; more wait for a connection. */
export const usualConnections = 10

/**
 * Loads `pg` and creates a pool, which connects at the first statement and again after a failure.
 * @throws Error with a message of one line, if `pg` is not installed
 */
export async function openPool(address: PostgresAddress): Promise<PostgresPool> {
  const driver = await loadDriver()
  const { Pool } = driver
  const { tls, connections, ...connection } = address
  const pool = new Pool({
    ...connection,
    Client: closingAfterFailure(driver),
    ssl: tls === 'off' ? false : { rejectUnauthorized: tls === 'verified' },
    max: connections ?? usualConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: silenceMs,
    // Above the interval of the polls, so that an idle instance keeps one connection.
    idleTimeoutMillis: 10_000,
    maxLifetimeSeconds: longestLifeSeconds,
    allowExitOnIdle: true,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  })
  // An idle connection that breaks is replaced at the next statement. Without a listener the process would end.
  pool.on('error', () => {})
  return {
    query: (text, values) =>
      pool.query(text, values).catch((error: unknown) => {
        throw withCode(error)
      }),
    async take() {
      const client = await pool.connect().catch((error: unknown) => {
        throw withCode(error)
      })
      const accepted = 'processID' in client ? client.processID : null
      return {
        run: async (text) => (await client.query<PostgresRow>(text)).rows,
        acceptedBy: typeof accepted === 'number' ? accepted : null,
        release: () => client.release(),
      }
    },
    end: () => pool.end(),
  }
}

/** Errors for which `pg` has a sentence and no code, with the code that they get here. */
const codeless: readonly (readonly [RegExp, string])[] = [
  [/^The server does not support SSL connections$/, noTlsCode],
  [/^SASL: .*client password must be a (non-empty )?string$/, noPasswordCode],
  [/timeout expired|timeout exceeded when trying to connect|due to connection timeout/, 'ETIMEDOUT'],
  [/^Connection terminated( unexpectedly)?$/, 'ECONNRESET'],
]

/** Gives an error of `pg` a code, if it has none. */
function withCode(error: unknown): unknown {
  if (!(error instanceof Error) || 'code' in error) return error
  const code = codeless.find(([sentence]) => sentence.test(error.message))?.[1]
  return code === undefined ? error : Object.assign(error, { code })
}

/** The constructors of `pg`. */
interface Driver {
  readonly Client: new () => Client
  readonly Pool: new (config: PoolConfig) => Pool
}

/** `pg` leaves its connection open if it refuses the server itself, for want of a password. Here every connection that fails is closed. */
function closingAfterFailure({ Client }: Driver): Driver['Client'] {
  return class extends Client {
    override connect(): Promise<Client>
    override connect(callback: (error: Error) => void): void
    override connect(callback?: (error: Error) => void): Promise<Client> | void {
      if (callback === undefined) return super.connect()
      super.connect((error: Error) => {
        if (error) this.connection.stream.destroy()
        callback(error)
      })
    }
  }
}

async function loadDriver(): Promise<Driver> {
  try {
    const { Client, Pool } = await import('pg')
    return { Client, Pool }
  } catch (cause) {
    throw new Error('A Postgres store needs the package pg: npm install pg', { cause })
  }
}
