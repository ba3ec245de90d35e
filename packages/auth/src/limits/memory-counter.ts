import type { Clock } from '../base/time.js'
import type { LimitCounter, LimitPolicy, LimitReading } from './limit-policy.js'

/** The counts of this process. */
export interface MemoryCounter extends LimitCounter {
  count(key: string): LimitReading
  /** The number of keys held; never more than `maxKeys`. */
  readonly size: number
}

/** The options of {@link createMemoryCounter}. */
export interface MemoryCounterOptions {
  readonly clock: Clock
  /** @defaultValue 100000 (about 20 MB when full, measured) */
  readonly maxKeys?: number | undefined
}

interface Window {
  count: number
  readonly startedAt: number
}

/**
 * Creates a counter in memory. Two generations of at most half of `maxKeys` take turns, without a timer or a sweep. A
 * flood of addresses evicts the oldest counts only. The map of `base/` is not used: it turns only when it is full, and so
 * keeps the counts of a flood for ever. Here the generations also turn with the window, which frees them.
 */
export function createMemoryCounter(policy: LimitPolicy, options: MemoryCounterOptions): MemoryCounter {
  const { clock } = options
  const generationSize = Math.max(1, Math.floor((options.maxKeys ?? 100_000) / 2))
  let young = new Map<string, Window>()
  let old = new Map<string, Window>()
  let turnedAt = clock()

  // A clock that was set back must not lock anybody out until it has caught up: a start in the future is over too.
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
    const opened = { count: 0, startedAt: now }
    old.delete(key)
    young.set(key, opened)
    return opened
  }

  return {
    count(key) {
      const now = clock()
      const window = windowOf(key, now)
      window.count += 1
      return { count: window.count, resetSeconds: window.startedAt + policy.windowSeconds - now }
    },
    get size() {
      return young.size + old.size
    },
  }
}
