import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { startRedis } from '../../packages/auth/test/redis-server.ts'
import type { Contender } from './servers.ts'

/** The store of one row, empty. */
export interface StoreOfRow {
  readonly url: string
  /** CPU seconds that its redis-server has used; null where there is none. */
  readonly redisCpuSeconds: () => Promise<number | null>
  readonly close: () => Promise<void>
}

/** As durable as SQLite with `synchronous=FULL`: what was answered is on disk. */
const durable = ['--appendonly', 'yes', '--appendfsync', 'always']

/** Opens it in `folder`; null where the row needs a redis-server and there is none, which is said out loud. */
export async function openStoreFor({ name, store }: Contender, folder: string): Promise<StoreOfRow | null> {
  if (store === 'redis') return await openRedis(name)
  const file = join(folder, `${name.replaceAll(/\W+/g, '-')}.db`)
  return {
    url: store === 'sqlite' ? `sqlite:${file}` : 'memory:',
    redisCpuSeconds: async () => null,
    close: async () => {},
  }
}

async function openRedis(name: string): Promise<StoreOfRow | null> {
  if (spawnSync('redis-server', ['--version']).status !== 0) {
    process.stderr.write(
      `\n*** NOT MEASURED: ${name}. redis-server is missing: apt-get install -y redis-server ***\n\n`,
    )
    return null
  }
  const server = await startRedis(...durable)
  return {
    url: server.url,
    redisCpuSeconds: async () => {
      const info = await server.admin.info('cpu')
      const read = (field: string) => Number(new RegExp(`^${field}:(.+)$`, 'm').exec(info)?.[1])
      return read('used_cpu_sys') + read('used_cpu_user')
    },
    close: () => server.remove(),
  }
}
