import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis, type RedisServer } from './internals.ts'

/** A Redis whose figures can be read. */
export interface MeasuredRedis extends Pick<RedisServer, 'url' | 'admin'> {
  readonly remove: () => Promise<void>
  /** Reads one figure of `INFO`. */
  readonly figure: (section: string, name: string) => Promise<number>
  /** The CPU seconds of all its threads. */
  readonly cpuSeconds: () => Promise<number>
  /** Turns on the log, as operators do. Only after Redis is filled: a log that grows is rewritten by a copy of the process. */
  readonly turnDurable: () => Promise<void>
}

/** Starts one with settings of its command line. */
export async function startMeasuredRedis(...settings: readonly string[]): Promise<MeasuredRedis> {
  const { url, admin, ...redis } = await startRedis(...settings)
  const figure = async (section: string, name: string) => {
    const found = new RegExp(`^${name}:([\\d.]+)`, 'm').exec(await admin.info(section))?.[1]
    return Number(found)
  }
  const cpuSeconds = async () =>
    (await figure('cpu', 'used_cpu_user')) + (await figure('cpu', 'used_cpu_sys'))
  const isWriting = async () =>
    (await figure('persistence', 'aof_rewrite_in_progress')) +
      (await figure('persistence', 'aof_rewrite_scheduled')) >
    0
  const turnDurable = async () => {
    await admin.config('SET', 'appendonly', 'yes')
    while (await isWriting()) await sleep(100)
  }
  return { url, admin, remove: () => redis.remove(), figure, cpuSeconds, turnDurable }
}

/** Returns whether a `redis-server` is installed, and prints a warning that names what is left out if not. */
export function hasRedis(what: string): boolean {
  if (spawnSync('redis-server', ['--version']).status === 0) return true
  process.stderr.write(
    `\n*** NOT MEASURED: ${what}. redis-server is missing: apt-get install -y redis-server ***\n\n`,
  )
  return false
}
