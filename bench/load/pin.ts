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

/**
 * Lets a process run only while nobody else wants its processor: traffic that is not measured must not delay what is.
 * @throws Error where there is no `chrt` (it comes with `taskset`)
 */
export function giveWay(pid: number): void {
  execFileSync('chrt', ['--all-tasks', '--idle', '--pid', '0', String(pid)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}
