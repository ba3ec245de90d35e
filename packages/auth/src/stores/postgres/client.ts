import type { Pool, PoolConfig } from 'pg'
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
  /** Runs one statement on a connection of its own. `connectedTo` is the process that accepted it; null if it is not known. */
  readonly queryOnce: (
    text: string,
  ) => Promise<{ readonly rows: readonly PostgresRow[]; readonly connectedTo: number | null }>
  readonly end: () => Promise<void>
}

/** The time that a statement may wait for a connection, in milliseconds. */
const connectTimeoutMs = 4_000
/** A connection whose answer takes longer is closed, so that no other statement gets it. */
const silenceMs = 2_500
/** So many statements run at once unless `?max=` says otherwise; more wait for a connection. */
const usualConnections = 10

/**
 * Loads `pg` and creates a pool, which connects at the first statement and again after a failure.
 * @throws Error with a message of one line, if `pg` is not installed
 */
export async function openPool(address: PostgresAddress): Promise<PostgresPool> {
  const { Pool } = await loadDriver()
  const { tls, connections, ...connection } = address
  const pool = new Pool({
    ...connection,
    ssl: tls === 'off' ? false : { rejectUnauthorized: tls === 'verified' },
    max: connections ?? usualConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: silenceMs,
    // Above the interval of the polls, so that an idle instance keeps one connection.
    idleTimeoutMillis: 10_000,
    allowExitOnIdle: true,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  })
  // An idle connection that breaks is replaced at the next statement. Without a listener the process would end.
  pool.on('error', () => {})
  return {
    query: (text, values) => pool.query(text, values),
    async queryOnce(text) {
      const client = await pool.connect()
      try {
        const { rows } = await client.query<PostgresRow>(text)
        const accepted = 'processID' in client ? client.processID : null
        return { rows, connectedTo: typeof accepted === 'number' ? accepted : null }
      } finally {
        client.release()
      }
    },
    end: () => pool.end(),
  }
}

/** The constructor of `pg`. */
interface Driver {
  readonly Pool: new (config: PoolConfig) => Pool
}

async function loadDriver(): Promise<Driver> {
  try {
    const { Pool } = await import('pg')
    return { Pool }
  } catch (cause) {
    throw new Error('A Postgres store needs the package pg: npm install pg', { cause })
  }
}
