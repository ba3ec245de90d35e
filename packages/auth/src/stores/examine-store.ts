import type { RedisSettings } from './redis/redis-settings.js'
import type { SqliteExamination } from './sqlite/examine-file.js'

export type { RedisSettings } from './redis/redis-settings.js'
export type { SqliteExamination } from './sqlite/examine-file.js'

/**
 * Looks at an existing SQLite file as the service would at its start, and changes nothing.
 * @throws Error in one line, when the service could not use it
 */
export async function examineSqliteFile(path: string): Promise<SqliteExamination> {
  const { examineSqliteFile: examine } = await import('./sqlite/examine-file.js')
  return await examine(path)
}

/**
 * Reads how durable Redis is: one entry, or one for each primary of a Cluster.
 * @throws TypeError when the address is none
 * @throws AuthError `AUTH_UNAVAILABLE` when one does not answer or does not let us read them; its cause names the kind
 */
export async function readRedisSettings(url: string): Promise<readonly RedisSettings[]> {
  const { readRedisSettings: read } = await import('./redis/redis-settings.js')
  return await read(url)
}
