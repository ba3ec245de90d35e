import { startMeasuredPostgres } from '../kit/postgres.ts'
import { startMeasuredRedis } from '../kit/redis.ts'
import { writtenBytesOfProcess } from '../kit/machine.ts'

/** The use of a store's server since its start. */
export interface StoreUsage {
  readonly cpuSeconds: number
  /** Written to its files: log, tables and indexes. */
  readonly writtenBytes: number
  /** Writes of the log and of pages. NaN if the server does not count them. */
  readonly writes: number
  /** Calls that wait until the log is on the disk. NaN if the server does not count them. */
  readonly syncs: number
}

/** The server of a store, as durable as in production. */
export interface SoakStore {
  readonly name: string
  readonly url: string
  /** Called when the sessions are in the store. */
  readonly prepare: () => Promise<void>
  readonly usage: () => Promise<StoreUsage>
  readonly remove: () => Promise<void>
}

/** Starts the server of a store. */
export async function startStore(kind: 'postgres' | 'redis'): Promise<SoakStore> {
  return await (kind === 'postgres' ? startPostgresStore() : startRedisStore())
}

async function startPostgresStore(): Promise<SoakStore> {
  const server = await startMeasuredPostgres('durable')
  const [row] = await server.query('SHOW server_version')
  return {
    name: `PostgreSQL ${String(row?.['server_version']).split(' ')[0]}`,
    url: server.url,
    // As autovacuum would have done it by then.
    prepare: async () => void (await server.query('VACUUM ANALYZE')),
    async usage() {
      const { logBytes, logWrites, logSyncs, pages } = await server.writes()
      return {
        cpuSeconds: await server.cpuSeconds(),
        writtenBytes: logBytes + pages * 8192,
        writes: logWrites + pages,
        syncs: logSyncs,
      }
    },
    remove: server.remove,
  }
}

async function startRedisStore(): Promise<SoakStore> {
  const server = await startMeasuredRedis('--appendfsync', 'everysec')
  const version = /redis_version:(\S+)/.exec(await server.admin.info('server'))?.[1] ?? '?'
  const pid = await server.figure('server', 'process_id')
  return {
    name: `Redis ${version}`,
    url: server.url,
    prepare: server.turnDurable,
    usage: async () => ({
      cpuSeconds: await server.cpuSeconds(),
      writtenBytes: writtenBytesOfProcess(pid) - (await server.figure('stats', 'total_net_output_bytes')),
      writes: Number.NaN,
      syncs: Number.NaN,
    }),
    remove: server.remove,
  }
}
