import { setTimeout as sleep } from 'node:timers/promises'

/** The longest anyone waits for another process's lock, in seconds. */
export const busyWaitSeconds = 2

const sqliteBusy = 5
const sqliteLocked = 6

/** SQLite's primary result code (https://sqlite.org/rescode.html), or null for an error of another kind. */
export function sqliteCodeOf(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null
  return error.errcode & 0xff
}

/** Whether another connection holds the lock, so that the same step may succeed in a moment. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCodeOf(error)
  return code === sqliteBusy || code === sqliteLocked
}

/** Waits a moment before the next try: short, and never the same for two processes that wait for each other. */
export async function waitForLock(): Promise<void> {
  await sleep(1 + Math.random() * 9)
}

/** Seconds that only ever go forward, whatever happens to the clock: for how long something took. */
export function monotonicSeconds(): number {
  return performance.now() / 1000
}

/** Does a step now, and while it finds the database busy again and again, for `waitSeconds` at most. */
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
