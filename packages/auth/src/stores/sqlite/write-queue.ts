import type { DatabaseSync } from 'node:sqlite'
import { failure } from '../../base/failures.js'
import { busyWaitSeconds, inTransaction, isBusy, monotonicSeconds, waitForLock } from './transaction.js'

/** Writes that wait at the same time share one transaction, and so one flush to the disk. */
export interface WriteQueue {
  /** Resolves once `work` is on disk. Rejects with `AUTH_UNAVAILABLE` if it was not done. */
  add<T>(work: () => T): Promise<T>
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
}

/** Creates the write queue of one connection. */
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
      if (commit(database, batch) === 'done') waiting = waiting.slice(batch.length)
      else {
        waiting = dropLate(waiting)
        await waitForLock()
      }
    }
    draining = undefined
  }

  return {
    add: <T>(work: () => T) =>
      new Promise<T>((resolve, reject) => {
        if (closed) return reject(failure('storeClosed'))
        waiting.push({
          work: () => {
            const result = work()
            return () => resolve(result)
          },
          fail: (cause) => reject(failure('storeUnwritable', { cause })),
          deadline: monotonicSeconds() + busyWaitSeconds,
        })
        draining ??= drain()
      }),
    close: async () => {
      closed = true
      await draining
    },
  }
}

/** Resolves in the next turn of the event loop, after the requests that have arrived by then. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
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
