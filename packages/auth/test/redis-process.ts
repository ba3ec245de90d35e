import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** One process of a Redis, a Valkey or a Sentinel. */
export interface RedisProcess {
  /** Starts it, also again after `kill`; resolves when it is ready. */
  start(args: readonly string[]): Promise<void>
  /** Ends it at once, even if it is stopped, without saving. Resolves when its forks have ended too. */
  kill(): Promise<void>
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
}

/** The program that the tests start: `redis-server`, or what `REDIS_SERVER` names (a `valkey-server`, another version). */
export function redisProgram(): string {
  return process.env['REDIS_SERVER'] || 'redis-server'
}

/** Whether it is there; where it is not, one loud line says what to do, and CI fails. */
export function hasRedis(): boolean {
  if (spawnSync(redisProgram(), ['--version']).status === 0) return true
  const problem = `REDIS TESTS DID NOT RUN: ${redisProgram()} is missing. Install it: apt-get install -y redis-server`
  if (process.env['CI']) throw new Error(problem)
  console.error(`\n*** ${problem} ***\n`)
  return false
}

/** Creates a process that is not started yet. @param sign - matches the output of a process that is ready */
export function createRedisProcess(sign: RegExp = /Ready to accept connections/): RedisProcess {
  let child: ChildProcess | null = null
  let closed: Promise<unknown> = Promise.resolve()
  return {
    async start(args) {
      const started = spawn(redisProgram(), args, { stdio: ['ignore', 'pipe', 'pipe'] })
      child = started
      // Not `exit`: a fork that saves the data outlives its parent and writes into the folder. It holds the pipes, so
      // `close` comes after both have ended.
      closed = new Promise((resolve) => started.once('close', resolve))
      await says(started, sign)
    },
    async kill() {
      child?.kill('SIGCONT')
      child?.kill('SIGKILL')
      child = null
      await closed
    },
    signal: (signal) => void child?.kill(signal),
  }
}

async function says(child: ChildProcess, sign: RegExp): Promise<void> {
  let output = ''
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (bytes: Buffer) => {
      if (sign.test(output)) return
      output += bytes.toString()
      if (sign.test(output)) resolve()
    })
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`${redisProgram()} did not start: ${output}`)))
  })
}

/** A port that nobody listened on just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** One for a node of a Cluster, which also listens 10,000 above it. */
export async function freeClusterPort(): Promise<number> {
  for (;;) {
    const port = await freePort()
    if (port <= 65_535 - 10_000) return port
  }
}
