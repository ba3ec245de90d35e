import { shareRun } from '../base/single-flight.js'
import type { Clock } from '../base/time.js'

/** The age of the list of ended sessions. */
export interface EndedFreshness {
  /**
   * Returns null if the list may be used now: it is younger than 2 s, or the store did not answer within the last 2 s.
   * Otherwise returns a promise that resolves when one of these holds. It never rejects.
   */
  readonly catchUp: () => Promise<void> | null
  /** Reads what ended since the last time. Never rejects. */
  readonly renew: () => Promise<void>
  /** Notes that the list was complete at this time. */
  readonly noteComplete: (at: number) => void
}

/** Options of {@link createEndedFreshness}. */
export interface EndedFreshnessOptions {
  /** Brings the list up to date. */
  readonly sync: () => Promise<void>
  readonly clock: Clock
  /** The time for which a store that does not answer is asked again before the old list is used, in seconds. */
  readonly patienceSeconds: number
}

const maxAgeSeconds = 2
const pauseMs = 50

/**
 * Creates the age of the list. A timer cannot keep it, because a process may be stopped for any time (SIGSTOP, a closed lid, a
 * function that is frozen between two calls) and its timers with it. So each use compares the time.
 */
export function createEndedFreshness({
  sync,
  clock,
  patienceSeconds,
}: EndedFreshnessOptions): EndedFreshness {
  let completeAt = -Infinity
  let failedAt = -Infinity
  // A clock that was set back says nothing about the age.
  const isRecent = (at: number, now: number) => now >= at && now < at + maxAgeSeconds
  const renew = shareRun(async () => {
    const giveUpAt = performance.now() + patienceSeconds * 1000
    for (;;) {
      const startedAt = clock()
      try {
        await sync()
        completeAt = startedAt
        return
      } catch {
        // The connection of a process that was stopped may be closed. The driver needs a moment to open another one.
        if (performance.now() >= giveUpAt) break
      }
      await new Promise((resolve) => {
        setTimeout(resolve, pauseMs)
      })
    }
    failedAt = clock()
  })
  return {
    catchUp() {
      const now = clock()
      return isRecent(completeAt, now) || isRecent(failedAt, now) ? null : renew()
    },
    renew,
    noteComplete(at) {
      completeAt = at
    },
  }
}
