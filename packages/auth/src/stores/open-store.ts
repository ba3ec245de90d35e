import { createMemoryStore, type StoreOptions } from './memory.js'
import type { Store } from './store.js'

export type { StoreOptions } from './memory.js'

/** What a store's address names. */
export type StoreAddress =
  | { readonly kind: 'memory' }
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'redis'; readonly url: string }

/** @throws TypeError when it is no address of a store; the message has a good example */
export function parseStoreUrl(url: string): StoreAddress {
  if (url === 'memory:') return { kind: 'memory' }
  if (/^rediss?:\/\/./.test(url)) return { kind: 'redis', url }
  const path = /^sqlite:(.+)$/s.exec(url)?.[1]
  // `sqlite://data/x.db` would name a host, and SQLite itself takes `:memory:` and `file:` for something else.
  if (path === undefined || /^\/\/[^/]|^:|^file:|\0/.test(path)) throw badAddress(url)
  return { kind: 'sqlite', path: path.replace(/^\/{2,}/, '/') }
}

/**
 * Opens the store that `url` names: `memory:`, `sqlite:` with the path of a file, or `redis://` and `rediss://`.
 * @throws TypeError when the address is none
 * @throws Error in one line, when the store cannot be used
 */
export async function openStore(url: string, options: StoreOptions): Promise<Store> {
  const address = parseStoreUrl(url)
  if (address.kind === 'memory') return createMemoryStore(options)
  // Loaded on demand: an app on another store needs neither node:sqlite nor ioredis.
  if (address.kind === 'redis') {
    const { openRedisStore } = await import('./redis/redis-store.js')
    return await openRedisStore(address.url, options)
  }
  const { openSqliteStore } = await import('./sqlite/sqlite-store.js')
  return await openSqliteStore(address.path, options)
}

function badAddress(url: string): TypeError {
  // A password may stand in it, so only the scheme is repeated.
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0] ?? 'nothing'
  return new TypeError(
    `the store's address begins with ${scheme} but must be memory:, sqlite:<path> or redis://<host>, for example sqlite:./data/perennial.db`,
  )
}
