import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { SessionRow } from '../../src/sessions/index.js'
import { createRedisKeys } from '../../src/stores/redis/keys.js'
import { toReading } from '../../src/stores/redis/session-scripts.js'

/** A real Redis for one test file. */
export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Its folder, which holds `dump.rdb`. */
  readonly directory: string
  /** A connection for the test. */
  readonly admin: Redis
  /** Starts it again on the same port after `kill`. */
  start(...settings: readonly string[]): Promise<void>
  /** Kills it without saving. */
  kill(): Promise<void>
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** Kills it and removes its folder. */
  remove(): Promise<void>
}

/** Starts a Redis on a free port in a folder of its own, with these settings of the command line. */
export async function startRedis(...settings: readonly string[]): Promise<RedisServer> {
  return startRedisOn(await freePort(), settings)
}

/** Starts a Redis on this port, as `startRedis` does. */
export async function startRedisOn(port: number, settings: readonly string[]): Promise<RedisServer> {
  const directory = mkdtempSync(join(tmpdir(), 'perennial-redis-'))
  // It reconnects within 20 ms, so that it is ready when a test has started Redis again.
  const admin = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 20, maxRetriesPerRequest: null })
  admin.on('error', () => {})
  const running = createRedisProcess()
  const own = `--port ${port} --bind 127.0.0.1 --daemonize no --dir`.split(' ')
  const all = [...own, directory, '--save', '', ...settings]
  await running.start(all)
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    directory,
    admin,
    start: (...more) => running.start([...all, ...more]),
    kill: () => running.kill(),
    signal: (signal) => running.signal(signal),
    async remove() {
      admin.disconnect()
      await running.kill()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Reads a session as Redis holds it; null if there is none. */
export async function readStored(admin: Pick<Redis, 'get'>, sessionId: string): Promise<SessionRow | null> {
  const key = createRedisKeys('perennial').session(sessionId)
  return toReading(await admin.get(key))?.row ?? null
}

/** Starts a Cluster of one node, which enforces the rules of slots. */
export async function startRedisCluster(...settings: readonly string[]): Promise<RedisServer> {
  const own = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1']
  const server = await startRedisOn(await freeClusterPort(), [...own, ...settings])
  await server.admin.call('CLUSTER', 'ADDSLOTS', ...Array.from({ length: 16_384 }, (_, slot) => slot))
  while (!String(await server.admin.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
  return server
}

/** Returns true if the second is a replica of the first, and has everything that was written there until now. */
export async function isInStep(primary: RedisServer, replica: RedisServer): Promise<boolean> {
  const written = /role:master[^]*master_repl_offset:(\d+)/.exec(await primary.admin.info('replication'))?.[1]
  const reported = await replica.admin.info('replication')
  const received = /role:slave[^]*master_link_status:up[^]*slave_repl_offset:(\d+)/.exec(reported)?.[1]
  return written !== undefined && received !== undefined && Number(received) >= Number(written)
}

/** Copies the files of a Redis. The returned function puts them back. */
export function takeSnapshot({ directory }: RedisServer): () => void {
  const copy = mkdtempSync(join(tmpdir(), 'perennial-redis-'))
  cpSync(directory, copy, { recursive: true })
  return () => {
    cpSync(copy, directory, { recursive: true })
    rmSync(copy, { recursive: true, force: true })
  }
}

/** The process of a Redis, a Valkey or a Sentinel. */
export interface RedisProcess {
  /** Starts it, also again after `kill`. Resolves when it is ready. */
  start(args: readonly string[]): Promise<void>
  /** Kills it without saving, also if it is stopped. Resolves when it and its children write no more files. */
  kill(): Promise<void>
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
}

/** The program that the tests start: `redis-server`, or that of `REDIS_SERVER` (a `valkey-server`, another version). */
function redisProgram(): string {
  return process.env['REDIS_SERVER'] || 'redis-server'
}

/** Returns true if the program is installed. If it is not, prints what to do, and throws in CI. */
export function hasRedis(): boolean {
  if (spawnSync(redisProgram(), ['--version']).status === 0) return true
  const problem = `REDIS TESTS DID NOT RUN: ${redisProgram()} is missing. Install it: apt-get install -y redis-server`
  if (process.env['CI']) throw new Error(problem)
  console.error(`\n*** ${problem} ***\n`)
  return false
}

/** @param sign - the output of the program when it is ready */
export function createRedisProcess(sign: RegExp = /Ready to accept connections/): RedisProcess {
  let child: ChildProcess | null = null
  let ended: Promise<unknown> = Promise.resolve()
  return {
    async start(args) {
      const started = spawn(redisProgram(), args, { stdio: ['ignore', 'pipe', 'pipe'] })
      child = started
      // Not 'exit': a child that Redis forked to save may outlive it, and holds the output open until it has ended.
      ended = once(started, 'close')
      await untilReady(started, sign)
    },
    async kill() {
      child?.kill('SIGCONT')
      child?.kill('SIGKILL')
      child = null
      await ended
    },
    signal: (signal) => void child?.kill(signal),
  }
}

async function untilReady(child: ChildProcess, sign: RegExp): Promise<void> {
  let output = ''
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (bytes: Buffer) => {
      if (sign.test(output)) return
      output += bytes.toString()
      if (sign.test(output)) resolve()
    })
    child.stderr?.resume()
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`${redisProgram()} did not start: ${output}`)))
  })
}

/** Returns a port that was free just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Returns a free port for a node of a Cluster, which also listens 10,000 above it. */
export async function freeClusterPort(): Promise<number> {
  for (;;) {
    const port = await freePort()
    if (port <= 65_535 - 10_000) return port
  }
}
