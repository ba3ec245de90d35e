import { join } from 'node:path'
import { hasPostgres, startPostgres } from '../kit/internals.ts'
import { hasRedis, startMeasuredRedis } from '../kit/redis.ts'

/** A store that instances share. */
export interface StartedStore {
  readonly name: string
  readonly url: string
  remove(): Promise<unknown>
}

/** Starts a store of each kind that is installed, as durable as in production. */
export async function startStores(folder: string): Promise<readonly StartedStore[]> {
  const stores: StartedStore[] = [
    { name: 'SQLite', url: `sqlite:${join(folder, 'perennial.db')}`, remove: async () => {} },
  ]
  if (hasRedis('pages on Redis')) {
    const redis = await startMeasuredRedis('--appendonly', 'yes', '--appendfsync', 'always')
    stores.push({ name: 'Redis', url: redis.url, remove: () => redis.remove() })
  }
  if (hasPostgres()) {
    const postgres = await startPostgres('durable')
    stores.push({ name: 'Postgres', url: postgres.url, remove: () => postgres.remove() })
  }
  return stores
}
