import { execFileSync } from 'node:child_process'

/**
 * Keeps a process, with all its threads and what it starts from now on, on one processor.
 * @throws Error where there is no `taskset` (it is part of Linux distributions), or no such processor
 */
export function pinTo(processor: number, pid: number): void {
  execFileSync('taskset', ['-a', '-p', '-c', String(processor), String(pid)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}
