import { sleep, startTimeLimit } from '../base/time-limit.js'
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
const pauseSeconds = 0.05
/** A list that is brought up to date so slowly that it is old by then is brought up to date once more at most. */
const largestNumberOfTurns = 2

/** Returns true if an instant is less than 2 s ago. A clock that was set back says nothing about the age. */
function isRecent(at: number, now: number): boolean {
  return now >= at && now < at + maxAgeSeconds
}

/** One reading of what ended. */
interface Renewal {
  readonly begunAt: number
  readonly done: Promise<void>
}

/**
 * Creates the age of the list. A timer cannot keep it, because a process may be stopped for any time (SIGSTOP, a closed lid, a
 * function that is frozen between two calls) and its timers with it. So each use compares the time, and what began before a stop
 * proves nothing: its answer may have come before the stop, and its failure is that of a connection that is closed by now.
 */
export function createEndedFreshness(options: EndedFreshnessOptions): EndedFreshness {
  const { clock } = options
  /** The last time at which the list was complete, or the store did not answer. */
  let settledAt = -Infinity
  let newest: Renewal | null = null
  const isUsable = () => isRecent(settledAt, clock())

  const start = (begunAt: number): Renewal => {
    // Several may run at once. An older one that ends later says less.
    const isNewest = () => newest === renewal
    const run = async () => {
      const readAt = await read(options)
      if (!isNewest()) return
      newest = null
      settledAt = readAt
    }
    const renewal: Renewal = { begunAt, done: Promise.resolve().then(run) }
    return renewal
  }
  const renew = async () => {
    const now = clock()
    newest = newest && isRecent(newest.begunAt, now) ? newest : start(now)
    await newest.done
  }
  const renewUntilUsable = async () => {
    for (let turn = 0; turn < largestNumberOfTurns && !isUsable(); turn++) await renew()
  }
  return {
    catchUp: () => (isUsable() ? null : renewUntilUsable()),
    renew,
    noteComplete(at) {
      settledAt = at
    },
  }
}

/**
 * Reads until it succeeds, or the store has not answered for the patience, and not in the last 2 s either. Returns the start of the
 * reading that succeeded, or the end of the one that failed.
 */
async function read({ sync, clock, patienceSeconds }: EndedFreshnessOptions): Promise<number> {
  const giveUpAt = performance.now() + patienceSeconds * 1000
  let isBrief = false
  for (;;) {
    const at = clock()
    try {
      const attempt = sync().then(() => true)
      const isDone = await (isBrief ? startTimeLimit(patienceSeconds).race(attempt, false) : attempt)
      if (isDone) return at
    } catch {
      // The connection of a process that was stopped may be closed. The driver needs a moment to open another one.
    }
    const now = clock()
    isBrief = !isRecent(at, now)
    if (!isBrief && performance.now() >= giveUpAt) return now
    await sleep(pauseSeconds)
  }
}
