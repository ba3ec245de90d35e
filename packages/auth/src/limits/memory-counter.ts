import type { Clock } from '../base/time.js'
import type { Counter, LimiterReading, LimitPolicy } from './limiter.js'

/** The counts of this process. */
export interface MemoryCounter extends Counter {
  count(key: string): LimiterReading
  /** How many keys are held; never more than `maxKeys`. */
  readonly size: number
}

/** The world a {@link MemoryCounter} lives in. */
export interface MemoryCounterOptions {
  readonly clock: Clock
  /** @defaultValue 100000 (about 20 MB when full, measured) */
  readonly maxKeys?: number | undefined
}

interface Window {
  consumed: number
  readonly startedAt: number
}

/**
 * Counts in memory; a key's window starts with its first count. rate-limiter-flexible's own memory limiter holds any
 * number of keys, starts a timer for each and reads the machine's clock, so a flood of addresses would fill the heap.
 * Here two generations of at most half of `maxKeys` take turns: no timer, no sweep, and a flood costs the oldest counts
 * alone (a `Map` kept in order of age would be walked through its holes at each eviction).
 */
export function createMemoryCounter(policy: LimitPolicy, options: MemoryCounterOptions): MemoryCounter {
  const { clock } = options
  const generationSize = Math.max(1, Math.floor((options.maxKeys ?? 100_000) / 2))
  let young = new Map<string, Window>()
  let old = new Map<string, Window>()
  let turnedAt = clock()

  // A clock set back must not lock anybody out until it has caught up: a start in the future is over too.
  const isOver = (startedAt: number, now: number) =>
    now < startedAt || now >= startedAt + policy.windowSeconds

  const turn = (now: number) => {
    if (young.size < generationSize && !isOver(turnedAt, now)) return
    old = young
    young = new Map()
    turnedAt = now
  }

  const windowOf = (key: string, now: number): Window => {
    const known = young.get(key) ?? old.get(key)
    if (known && !isOver(known.startedAt, now)) return known
    turn(now)
    const opened = { consumed: 0, startedAt: now }
    old.delete(key)
    young.set(key, opened)
    return opened
  }

  return {
    count(key) {
      const now = clock()
      const window = windowOf(key, now)
      window.consumed += 1
      return {
        consumedPoints: window.consumed,
        msBeforeNext: (window.startedAt + policy.windowSeconds - now) * 1000,
      }
    },
    get size() {
      return young.size + old.size
    },
  }
}
