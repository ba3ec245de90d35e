import { shareRun } from '../../base/single-flight.js'
import { systemClock, systemTicker, type Clock, type Ticker } from '../../base/time.js'
import {
  defaultStorePrefix,
  storePrefixProblem,
  sweepEverySeconds,
  type Store,
  type StoreOptions,
} from '../store.js'
import type { PostgresAddress } from './address.js'
import { createSharedQuota } from '../shared-quota.js'
import { createPostgresLimiters, createPostgresPlaces } from './limits.js'
import { openPool, type PostgresClient } from './client.js'
import { numberOf, textOf } from '../columns.js'
import { createPostgresEndedFeed } from './ended-feed.js'
import {
  createPostgresOwner,
  createPostgresProofLog,
  createPostgresSigningKeys,
  createPostgresWebhookLog,
} from './identity.js'
import { schemaNameProblem } from './schema.js'
import { createPostgresSessions } from './sessions.js'
import { createPostgresSharedAnswers } from './shared-answers.js'
import { createStatements, setupErrorOf, type PostgresStatements } from './statements.js'
import { sweep } from './sweep.js'

export type { PostgresClient, PostgresRow } from './client.js'
export type { Store } from '../store.js'

/** Options of {@link createPostgresStore}. */
export interface PostgresStoreOptions {
  /** The name of the schema. Deployments with different ones share a database. @defaultValue `perennial` */
  readonly prefix?: string | undefined
  /** Returns seconds since the epoch. It has to be the clock of `createPerennial`. @defaultValue the clock of the machine */
  readonly clock?: Clock | undefined
  /** Runs sweeps and polls. @defaultValue the timer of the machine, which keeps no process alive */
  readonly ticker?: Ticker | undefined
}

/**
 * Creates a store on a client of PostgreSQL (12 or later) that the caller has opened, and closes. Many instances share one
 * database. Every step is one statement, so poolers in transaction mode and drivers over HTTP can be used. The schema is created,
 * or brought to this version, before the first statement.
 * @throws TypeError if the prefix is not valid
 * @example
 * ```ts
 * import postgres from 'postgres'
 * const sql = postgres(process.env.DATABASE_URL, { prepare: false })
 * const store = createPostgresStore({ query: async (text, values) => ({ rows: await sql.unsafe(text, values) }) })
 * const perennial = await createPerennial({ store, secret, memberstack })
 * ```
 */
export function createPostgresStore(client: PostgresClient, options: PostgresStoreOptions = {}): Store {
  const { prefix = defaultStorePrefix } = options
  const problem = storePrefixProblem(prefix) ?? schemaNameProblem(prefix)
  if (problem !== null) throw new TypeError(`the prefix of the store ${problem}`)
  const statements = createStatements(client, prefix)
  return storeOf(statements, { ...options, name: `postgres: (schema ${prefix})` })
}

/**
 * Opens a store in PostgreSQL by its address, through the package `pg`. If PostgreSQL is away the store opens anyway: every
 * call rejects with `AUTH_UNAVAILABLE` until it is back.
 * @throws TypeError if the prefix is not valid
 * @throws Error with a message of one line, if `pg` is not installed, or PostgreSQL answers what only the operator can correct
 */
export async function openPostgresStore(address: PostgresAddress, options: StoreOptions): Promise<Store> {
  const { prefix = defaultStorePrefix } = options
  const problem = schemaNameProblem(prefix)
  if (problem !== null) throw new TypeError(`the prefix of the store ${problem}`)
  const pool = await openPool(address)
  const statements = createStatements(pool, prefix)
  const store = storeOf(statements, { ...options, name: nameOf(address, prefix) })
  const close = async () => {
    await store.close()
    await pool.end()
  }
  const refusal = await statements.ready().then(() => null, setupErrorOf)
  if (refusal === null) return { ...store, close }
  await close()
  throw refusal
}

/** Returns the address without user and password, and the schema if it is not the usual one. */
function nameOf({ host, port, database = '' }: PostgresAddress, prefix: string): string {
  const place = `postgres://${host.includes(':') ? `[${host}]` : host}:${port}/${database}`
  return prefix === defaultStorePrefix ? place : `${place} (schema ${prefix})`
}

interface NamedOptions extends PostgresStoreOptions {
  readonly name: string
}

function storeOf(
  base: PostgresStatements,
  { name, clock = systemClock, ticker = systemTicker }: NamedOptions,
): Store {
  const sweepAll = shareRun(() => sweep(base, clock()))
  const sweepNow = () => {
    // What fails here is left to the next sweep.
    sweepAll().catch(() => {})
  }
  let stopSweeping: (() => void) | undefined
  const statements: PostgresStatements = {
    ...base,
    run: (text, values) => {
      // Not at the creation: some platforms allow no timer outside a request.
      stopSweeping ??= ticker(sweepEverySeconds, sweepNow)
      return base.run(text, values)
    },
  }
  const feed = createPostgresEndedFeed(statements, { clock, ticker })
  return {
    name,
    owner: createPostgresOwner(statements),
    sessions: createPostgresSessions({ statements, feed, clock }),
    signingKeys: createPostgresSigningKeys(statements),
    webhookLog: createPostgresWebhookLog(statements, clock),
    usedProofs: createPostgresProofLog(statements, clock),
    sharedAnswers: createPostgresSharedAnswers(statements, clock),
    limiters: createPostgresLimiters(statements, clock),
    shareAdminQuota: (local, egress, limits) =>
      createSharedQuota(local, createPostgresPlaces(statements, { ...limits, egress, clock })),
    async readTime() {
      const [row] = await statements.run(selectTime)
      return numberOf(row, 'now_ms') / 1000
    },
    check: createWriteCheck(statements),
    async close() {
      feed.close()
      stopSweeping?.()
      statements.close()
    },
  }
}

const selectTime = 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms'

/** A row is written again for a check after so many seconds. */
const writeEverySeconds = 3

/** Creates the check that the server takes writes. A replica answers reads, so that each call asks for that, and some write. */
function createWriteCheck({ schema, run }: PostgresStatements): () => Promise<void> {
  let writtenAt = -Infinity
  return async () => {
    const now = performance.now() / 1000
    if (now < writtenAt + writeEverySeconds) {
      const [row] = await run(`SELECT current_setting('transaction_read_only') AS read_only`)
      // On a replica this is `on` too.
      if (textOf(row, 'read_only') === 'off') return
    }
    writtenAt = -Infinity
    await run(`UPDATE ${schema}.store_version SET version = version`)
    writtenAt = now
  }
}
