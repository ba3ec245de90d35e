import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'

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

/** Whether `redis-server` is installed; where it is not, one loud line says what to do, and CI fails. */
export function hasRedis(): boolean {
  if (spawnSync('redis-server', ['--version']).status === 0) return true
  const problem =
    'REDIS TESTS DID NOT RUN: redis-server is missing. Install it: apt-get install -y redis-server'
  if (process.env['CI']) throw new Error(problem)
  console.error(`\n*** ${problem} ***\n`)
  return false
}

/** Starts a Redis on a free port in a folder of its own; `settings` are those of its command line. */
export async function startRedis(...settings: readonly string[]): Promise<RedisServer> {
  const directory = mkdtempSync(join(tmpdir(), 'perennial-redis-'))
  const port = await freePort()
  // Not `lazyConnect`: it must never be in the way of a test that counts on Redis being away.
  const admin = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 20, maxRetriesPerRequest: null })
  admin.on('error', () => {})
  let child: ChildProcess | null = null

  const kill = async () => {
    const ending = child
    child = null
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return
    const ended = once(ending, 'exit')
    ending.kill('SIGCONT')
    ending.kill('SIGKILL')
    await ended
  }
  const start = async (...more: readonly string[]) => {
    child = spawn(
      'redis-server',
      [
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
      ].concat(settings, more),
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    await ready(child)
  }
  await start()
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    directory,
    admin,
    start,
    kill,
    signal: (signal) => void child?.kill(signal),
    async remove() {
      admin.disconnect()
      await kill()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Starts a Cluster of one node: it holds everybody to the rules of slots. */
export async function startRedisCluster(): Promise<RedisServer> {
  const server = await startRedis('--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1')
  await server.admin.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383)
  while (!String(await server.admin.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
  return server
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

async function ready(child: ChildProcess): Promise<void> {
  let output = ''
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (bytes: Buffer) => {
      output += bytes.toString()
      if (/Ready to accept connections/.test(output)) resolve()
    })
    child.once('exit', () => reject(new Error(`redis-server did not start: ${output}`)))
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
