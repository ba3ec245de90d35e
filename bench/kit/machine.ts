import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

/** The CPU time of a process since it started, and its memory. */
export interface Usage {
  /** Of all threads, as the operating system counts them. */
  readonly cpuSeconds: number
  readonly memoryBytes: number
}

/** Reads the usage of this process. */
export function usage(): Usage {
  const { user, system } = process.cpuUsage()
  return { cpuSeconds: (user + system) / 1e6, memoryBytes: process.memoryUsage().rss }
}

/** Returns the CPU seconds that this process uses while it does some work. */
export async function cpuSecondsOf(work: () => Promise<void> | void): Promise<number> {
  const before = usage().cpuSeconds
  await work()
  return usage().cpuSeconds - before
}

/** Returns the CPU seconds of another process, to a hundredth; NaN where the system is not Linux. */
export function cpuSecondsOfProcess(pid: number | undefined): number {
  if (process.platform !== 'linux') return Number.NaN
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Returns the resident memory of another process; NaN where the system is not Linux. */
export function memoryBytesOfProcess(pid: number | undefined): number {
  return readProcessFigure(pid, 'status', 'VmRSS') * 1024
}

/**
 * Returns the bytes that another process, and its children that have ended, gave to `write`, to files and sockets; NaN where the system
 * is not Linux. The bytes that reach the disk are not known: ext4 counts a whole folio, up to 256 KiB, for each byte that is changed in it.
 */
export function writtenBytesOfProcess(pid: number): number {
  return readProcessFigure(pid, 'io', 'wchar')
}

function readProcessFigure(pid: number | undefined, file: 'status' | 'io', name: string): number {
  if (process.platform !== 'linux') return Number.NaN
  return Number(
    new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1],
  )
}

/**
 * Restricts a process to one processor, with all its threads and the processes that it starts later.
 * @throws Error if `taskset` is missing (it is part of Linux distributions), or the processor is
 */
export function pinTo(processor: number, pid: number): void {
  run('taskset', '-a', '-p', '-c', String(processor), String(pid))
}

/**
 * Lets a process run only while its processor is idle: traffic that is not measured must not delay traffic that is.
 * @throws Error if `chrt` is missing (it comes with `taskset`)
 */
export function runWhenIdle(pid: number): void {
  run('chrt', '--all-tasks', '--idle', '--pid', '0', String(pid))
}

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
}

/** Runs some work with a new folder, and removes the folder at the end. */
export async function inFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'perennial-bench-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
