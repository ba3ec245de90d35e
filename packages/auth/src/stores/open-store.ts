import { createMemoryStore } from './memory.js'
import type { RedisSettings } from './redis/settings.js'
import type { SqliteExamination } from './sqlite/database-file.js'
import { parseStoreAddress, type StoreAddress } from './store-address.js'
import type { Store, StoreOptions } from './store.js'

// The drivers are loaded on demand: an app on another store needs neither node:sqlite nor ioredis.

/**
 * Opens a store by its address: `memory:`, `sqlite:` with the path of a file, or `redis://` and `rediss://`.
 * @throws TypeError if the address is not valid
 * @throws Error with a message of one line, if the store cannot be used
 */
export async function openStore(given: string | StoreAddress, options: StoreOptions): Promise<Store> {
  const address = typeof given === 'string' ? parseStoreAddress(given) : given
  if (address.kind === 'memory') return createMemoryStore(options)
  if (address.kind === 'sqlite') {
    const { openSqliteStore } = await import('./sqlite/store.js')
    return await openSqliteStore(address.path, options)
  }
  const { openRedisStore } = await import('./redis/store.js')
  return await openRedisStore(address, options)
}

/**
 * Examines an existing SQLite file as a start of the service would, and writes nothing.
 * @throws Error with a message of one line, if the service could not use it
 */
export async function examineSqliteFile(path: string): Promise<SqliteExamination> {
  const { examineSqliteFile: examine } = await import('./sqlite/database-file.js')
  return await examine(path)
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
