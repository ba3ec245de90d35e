import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { createRedisProcess, freeClusterPort, freePort } from './redis-process.js'

export { hasRedis } from './redis-process.js'

/** A real Redis of a test's own. */
export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Its folder; `dump.rdb` is in it. */
  readonly directory: string
  /** A connection that only the test uses. */
  readonly admin: Redis
  /** Starts it again on the same port after `kill` or `stop`. */
  start(...settings: readonly string[]): Promise<void>
  /** Ends it at once, without saving. */
  kill(): Promise<void>
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** Ends it and removes its folder. */
  remove(): Promise<void>
}

/** Starts a Redis on a free port in a folder of its own; `settings` are those of its command line. */
export async function startRedis(...settings: readonly string[]): Promise<RedisServer> {
  return startRedisOn(await freePort(), settings)
}

/** Starts a Redis on this port, as `startRedis` does. */
export async function startRedisOn(port: number, settings: readonly string[]): Promise<RedisServer> {
  const directory = mkdtempSync(join(tmpdir(), 'perennial-redis-'))
  // Not `lazyConnect`: it must never be in the way of a test that counts on Redis being away.
  const admin = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 20, maxRetriesPerRequest: null })
  admin.on('error', () => {})
  const running = createRedisProcess()
  const own = [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    directory,
    '--save',
    '',
    '--daemonize',
    'no',
  ]
  await running.start([...own, ...settings])
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    directory,
    admin,
    start: (...more) => running.start([...own, ...settings, ...more]),
    kill: () => running.kill(),
    signal: (signal) => running.signal(signal),
    async remove() {
      admin.disconnect()
      await running.kill()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Starts a Cluster of one node: it holds everybody to the rules of slots. */
export async function startRedisCluster(...settings: readonly string[]): Promise<RedisServer> {
  const own = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1']
  const server = await startRedisOn(await freeClusterPort(), [...own, ...settings])
  await server.admin.call('CLUSTER', 'ADDSLOTS', ...Array.from({ length: 16_384 }, (_, slot) => slot))
  while (!String(await server.admin.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
  return server
}

/** Whether the second is a replica of the first, and has all that was written there until now. */
export async function isInStep(primary: RedisServer, replica: RedisServer): Promise<boolean> {
  const written = /role:master[^]*master_repl_offset:(\d+)/.exec(await primary.admin.info('replication'))?.[1]
  const told = await replica.admin.info('replication')
  const received = /role:slave[^]*master_link_status:up[^]*slave_repl_offset:(\d+)/.exec(told)?.[1]
  return written !== undefined && received !== undefined && Number(received) >= Number(written)
}

/** Keeps a copy of what is on disk now; the returned function puts it back. */
export function takeSnapshot({ directory }: RedisServer): () => void {
  const copy = mkdtempSync(join(tmpdir(), 'perennial-redis-'))
  cpSync(directory, copy, { recursive: true })
  return () => {
    cpSync(copy, directory, { recursive: true })
    rmSync(copy, { recursive: true, force: true })
  }
}
