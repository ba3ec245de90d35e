import { parsePostgresAddress, postgresAddressProblem, type PostgresAddress } from './postgres/address.js'
import { parseRedisAddress, redisAddressProblem, type RedisAddress } from './redis/address.js'

/** The address of a store, parsed. `url` is the text that it was parsed from, and may hold a password. */
export type StoreAddress =
  | { readonly kind: 'memory'; readonly url: string }
  | { readonly kind: 'sqlite'; readonly url: string; readonly path: string }
  | RedisStoreAddress
  | PostgresStoreAddress

/** The address of a Redis store, parsed. */
export type RedisStoreAddress = RedisAddress & { readonly kind: 'redis'; readonly url: string }

/** The address of a Postgres store, parsed. */
export type PostgresStoreAddress = PostgresAddress & { readonly kind: 'postgres'; readonly url: string }

const postgresForms = 'postgres://user:password@host:5432/database, …?sslmode=require for TLS'
const redisForms =
  'redis://user:password@host:6379/0, rediss://… for TLS, …?sentinel=<master>&node=<host>:<port>, …?cluster&node=<host>:<port>'

/**
 * Parses the address of a store: `memory:`, `sqlite:` with the path of a file, `redis://` or `rediss://`, `postgres://` or
 * `postgresql://`.
 * @throws TypeError if the address is not valid; the message never contains a password
 */
export function parseStoreAddress(url: string): StoreAddress {
  const problem = storeAddressProblem(url)
  if (problem !== null)
    throw new TypeError(`the store address ${problem}. A good example: sqlite:./data/perennial.db`)
  if (isRedis(url)) return { ...parseRedisAddress(url), kind: 'redis', url }
  if (isPostgres(url)) return { ...parsePostgresAddress(url), kind: 'postgres', url }
  const path = sqlitePath(url)
  return path === null ? { kind: 'memory', url } : { kind: 'sqlite', url, path }
}

/** Returns why an address is not valid, as the rest of a sentence that its name begins; null if it is valid. */
export function storeAddressProblem(url: string): string | null {
  if (url === 'memory:') return null
  if (isRedis(url)) {
    const problem = redisAddressProblem(url)
    return problem === null ? null : `${problem} (for Redis: ${redisForms})`
  }
  if (isPostgres(url)) {
    const problem = postgresAddressProblem(url)
    return problem === null ? null : `${problem} (for Postgres: ${postgresForms})`
  }
  const path = sqlitePath(url)
  if (path === null) return 'is not sqlite:<path>, memory:, redis://…, rediss://… or postgres://…'
  // `sqlite://data/x.db` would name a host, and `:memory:` and `file:` have meanings of their own in SQLite.
  if (/^sqlite:(\/\/[^/]|:|file:)|\0/.test(url))
    return 'names no file: sqlite: is followed by a path, such as ./data/perennial.db or /data/perennial.db'
  return null
}

function isRedis(url: string): boolean {
  return /^rediss?:\/\/./.test(url)
}

function isPostgres(url: string): boolean {
  return /^postgres(ql)?:\/\/./.test(url)
}

/** Returns the path of a `sqlite:` address, with one slash where it begins with several. */
function sqlitePath(url: string): string | null {
  return /^sqlite:(.+)$/s.exec(url)?.[1]?.replace(/^\/{2,}/, '/') ?? null
}
