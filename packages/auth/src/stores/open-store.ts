import type { Clock } from '../base/time.js'
import { judgeClaim, type ClaimExpectation } from './claim-store.js'
import { createMemoryStore } from './memory.js'
import { parsePostgresAddress } from './postgres/address.js'
import type { PostgresSettings } from './postgres/settings.js'
import type { RedisSettings } from './redis/settings.js'
import type { SqliteExamination } from './sqlite/database-file.js'
import { parseStoreAddress, type StoreAddress } from './store-address.js'
import { defaultStorePrefix, storePrefixProblem, type Store, type StoreOptions } from './store.js'

// The drivers are loaded on demand: an app on another store needs none of node:sqlite, ioredis and pg.

/**
 * Opens a store by its address: `memory:`, `sqlite:` with the path of a file, `redis://` and `rediss://`, or `postgres://` and
 * `postgresql://`.
 * @throws TypeError if the address or the prefix is not valid
 * @throws Error with a message of one line, if the store cannot be used
 */
export async function openStore(given: string | StoreAddress, options: StoreOptions): Promise<Store> {
  const address = typeof given === 'string' ? parseStoreAddress(given) : given
  const problem = storePrefixProblem(options.prefix ?? defaultStorePrefix)
  if (problem !== null) throw new TypeError(`the prefix of the store ${problem}`)
  if (address.kind === 'memory') return createMemoryStore(options)
  if (address.kind === 'sqlite') {
    const { openSqliteStore } = await import('./sqlite/store.js')
    return await openSqliteStore(address.path, options)
  }
  if (address.kind === 'postgres') {
    const { openPostgresStore } = await import('./postgres/store.js')
    return await openPostgresStore(address, options)
  }
  const { openRedisStore } = await import('./redis/store.js')
  return await openRedisStore(address, options)
}

/**
 * Examines an existing SQLite file as a start of the service would, and writes nothing.
 * @param expected - the app and the secret that it has to be of; if absent, that is not checked
 * @throws Error with a message of one line, if the service could not use it
 */
export async function examineSqliteFile(
  path: string,
  expected?: ClaimExpectation,
): Promise<Pick<SqliteExamination, 'journal' | 'isEmpty'>> {
  const { examineSqliteFile: examine } = await import('./sqlite/database-file.js')
  const { owner, signingKeys, ...examination } = await examine(path)
  const keys =
    owner === null ? { signingKeys: [], earlierKeys: signingKeys } : { signingKeys, earlierKeys: [] }
  const problem = expected ? judgeClaim({ name: `sqlite:${path}`, owner, ...keys }, expected) : null
  if (problem !== null) throw new Error(problem)
  return examination
}

/**
 * Reads the durability settings of Redis: one entry, or one for each primary of a Cluster.
 * @throws TypeError if the address is not valid
 * @throws AuthError `AUTH_UNAVAILABLE` if a server does not answer or refuses `CONFIG GET`; its cause names the kind
 */
export async function readRedisSettings(url: string): Promise<readonly RedisSettings[]> {
  const { readRedisSettings: read } = await import('./redis/settings.js')
  return await read(url)
}

/**
 * Reads the version, the durability settings, the clock and the free connections of PostgreSQL, and finds a pooler before it.
 * @param clock - returns seconds since the epoch; that of the machine by default
 * @throws TypeError if the address is not valid
 * @throws AuthError `AUTH_UNAVAILABLE` if the server does not answer; its cause names the kind
 */
export async function readPostgresSettings(url: string, clock?: Clock): Promise<PostgresSettings> {
  const { readPostgresSettings: read } = await import('./postgres/settings.js')
  return await read(parsePostgresAddress(url), clock)
}
