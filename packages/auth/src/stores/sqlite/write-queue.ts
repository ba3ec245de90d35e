import type { DatabaseSync } from 'node:sqlite'
import { failure } from '../../base/failures.js'
import { busyWaitSeconds, isBusy, monotonicSeconds, waitForLock } from './busy.js'
import { rollBack } from './roll-back.js'

/** Writes that wait at the same time share one transaction, and so one flush to the disk. */
export interface WriteQueue {
  /** Resolves once `work` is on disk; rejects with `AUTH_UNAVAILABLE` when it is not done. */
  add<T>(work: () => T): Promise<T>
  /** Resolves when everything added before is settled; what is added later is refused. */
  close(): Promise<void>
}

/** Bounds how long one transaction holds the event loop. */
const largestBatch = 256

interface Waiting {
  /** Does the work inside a transaction and returns how to tell of it once that is on disk. */
  work(): () => void
  fail(cause: unknown): void
  readonly deadline: number
}

/** A queue in front of one connection. */
export function createWriteQueue(database: DatabaseSync): WriteQueue {
  let waiting: Waiting[] = []
  let draining: Promise<void> | undefined
  let closed = false

  const drain = async () => {
    while (waiting.length > 0) {
      const before = waiting.length
      await nextTurn()
      // Where others came, more are on their way: a turn more costs them far less than a flush for each few.
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

/** Of the event loop, after what has arrived by then was dealt with. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

function commit(database: DatabaseSync, batch: readonly Waiting[]): 'done' | 'busy' {
  try {
    const tell = inTransaction(database, () => batch.map((entry) => entry.work()))
    for (const settle of tell) settle()
    return 'done'
  } catch (error) {
    if (isBusy(error)) return 'busy'
    const [only, ...others] = batch
    if (only && others.length === 0) only.fail(error)
    // One piece of work that cannot be done must not take its neighbours with it.
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

function inTransaction<T>(database: DatabaseSync, work: () => T): T {
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

function dropLate(waiting: readonly Waiting[]): Waiting[] {
  const now = monotonicSeconds()
  const late = waiting.filter(({ deadline }) => now >= deadline)
  for (const entry of late) entry.fail(new Error('another process kept the database locked'))
  return waiting.filter(({ deadline }) => now < deadline)
}
