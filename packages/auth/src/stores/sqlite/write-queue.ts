import type { DatabaseSync } from 'node:sqlite'
import { failure } from '../../base/failures.js'
import { nextTurn } from '../../base/slices.js'
import { setTimeout as sleep } from 'node:timers/promises'

/** Writes that wait at the same time share one transaction, and so one flush to the disk. */
export interface WriteQueue {
  /** Resolves once `work` is on disk. Rejects with `AUTH_UNAVAILABLE` if it was not done. */
  add<T>(work: () => T): Promise<T>
  /** Resolves once `work` is done. A crash of the machine may undo it. It is flushed only if a write of {@link add} is beside it. */
  addUnflushed<T>(work: () => T): Promise<T>
  /** Resolves when every write added before is settled. Later writes are refused. */
  close(): Promise<void>
}

/** The largest number of writes in a transaction, which bounds how long it holds the event loop. */
const largestBatch = 256

interface Waiting {
  /** Does the work inside a transaction, and returns the function that reports its result once it is on disk. */
  work(): () => void
  fail(cause: unknown): void
  readonly deadline: number
  readonly isFlushed: boolean
}

/** Creates a write queue of one connection. Both kinds of writes share transactions: one costs more than the writes in it. */
export function createWriteQueue(database: DatabaseSync): WriteQueue {
  let waiting: Waiting[] = []
  let draining: Promise<void> | undefined
  let closed = false
  const drain = async () => {
    while (waiting.length > 0) {
      const before = waiting.length
      await nextTurn()
      // If others came, more are on their way: one more turn costs far less than a flush for each few.
      if (waiting.length > before) await nextTurn()
      const batch = waiting.slice(0, largestBatch)
      if (commitBatch(database, batch) === 'done') waiting = waiting.slice(batch.length)
      else {
        waiting = dropLate(waiting)
        await waitForLock()
      }
    }
    draining = undefined
  }

  const add = <T>(work: () => T, isFlushed: boolean) =>
    new Promise<T>((resolve, reject) => {
      if (closed) return reject(failure('storeClosed'))
      waiting.push({
        work: () => {
          const result = work()
          return () => resolve(result)
        },
        fail: (cause) => reject(failure('storeUnwritable', { cause })),
        deadline: monotonicSeconds() + busyWaitSeconds,
        isFlushed,
      })
      draining ??= drain()
    })
  return {
    add: (work) => add(work, true),
    addUnflushed: (work) => add(work, false),
    close: async () => {
      closed = true
      await draining
    },
  }
}

/** The write-ahead log stays consistent without a flush: a crash of the machine undoes whole transactions, the last ones first. */
function commitBatch(database: DatabaseSync, batch: readonly Waiting[]): 'done' | 'busy' {
  if (batch.some(({ isFlushed }) => isFlushed)) return commit(database, batch)
  database.exec('PRAGMA synchronous = NORMAL')
  try {
    return commit(database, batch)
  } finally {
    database.exec('PRAGMA synchronous = FULL')
  }
}

function commit(database: DatabaseSync, batch: readonly Waiting[]): 'done' | 'busy' {
  try {
    const reports = inTransaction(database, () => batch.map((entry) => entry.work()))
    for (const report of reports) report()
    return 'done'
  } catch (error) {
    if (isBusy(error)) return 'busy'
    const [only, ...others] = batch
    if (only && others.length === 0) only.fail(error)
    // A write that fails must not fail the others of its batch.
    else for (const entry of batch) commitAlone(database, entry)
    return 'done'
  }
}

function commitAlone(database: DatabaseSync, entry: Waiting): void {
  try {
    inTransaction(database, () => entry.work())()
  } catch (error) {
    entry.fail(error)
  }
}

function dropLate(waiting: readonly Waiting[]): Waiting[] {
  const now = monotonicSeconds()
  const late = waiting.filter(({ deadline }) => now >= deadline)
  for (const entry of late) entry.fail(new Error('another process kept the database locked'))
  return waiting.filter(({ deadline }) => now < deadline)
}

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
async function waitForLock(): Promise<void> {
  await sleep(1 + Math.random() * 9)
}

/** Returns seconds of a clock that never goes back, for measuring durations. */
function monotonicSeconds(): number {
  return performance.now() / 1000
}
