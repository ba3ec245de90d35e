import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

/** The longest wait for the lock of another process, in seconds. */
export const busyWaitSeconds = 2

const sqliteBusy = 5
const sqliteLocked = 6

/** Returns the primary result code of SQLite (https://sqlite.org/rescode.html), or null for another kind of error. */
export function sqliteCodeOf(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null
  return error.errcode & 0xff
}

/** Returns true if another connection holds the lock, so the same step may succeed in a moment. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCodeOf(error)
  return code === sqliteBusy || code === sqliteLocked
}

/** Runs work in one transaction that takes the write lock at once, and undoes it if the work or the commit fails. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    rollBack(database)
    throw error
  }
}

function rollBack(database: DatabaseSync): void {
  try {
    database.exec('ROLLBACK')
  } catch {
    // SQLite has rolled back by itself (a full disk, an I/O error). The error that led here says more than this one.
  }
}

/** Runs a step, and repeats it while the database is busy, for `waitSeconds` at most. The event loop goes on meanwhile. */
export async function retryWhileBusy<T>(step: () => T, waitSeconds: number): Promise<T> {
  const deadline = monotonicSeconds() + waitSeconds
  for (;;) {
    try {
      return step()
    } catch (error) {
      if (!isBusy(error) || monotonicSeconds() >= deadline) throw error
    }
    await waitForLock()
  }
}

/** Waits for a short random time, so that two processes that wait for each other do not retry in step. */
export async function waitForLock(): Promise<void> {
  await sleep(1 + Math.random() * 9)
}

/** Returns seconds of a clock that never goes back, for measuring durations. */
export function monotonicSeconds(): number {
  return performance.now() / 1000
}
