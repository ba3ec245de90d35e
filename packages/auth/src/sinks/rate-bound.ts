import { type Clock, systemClock } from '../base/time.js'

/** Lets a number of reports pass for each key and window, and counts the rest. */
export interface RateBound {
  /** The number dropped since the last one that passed, or null when this one is dropped too. */
  take(key: string): number | null
}

/** Options of {@link createRateBound}. Keys must come from a fixed list: each is kept for ever. */
export interface RateBoundOptions {
  readonly clock?: Clock | undefined
  readonly limit: number
  readonly windowSeconds: number
}

/** Bounds how often the same thing is reported. */
export function createRateBound(options: RateBoundOptions): RateBound {
  const { clock = systemClock, limit, windowSeconds } = options
  const states = new Map<string, { startedAt: number; passed: number; dropped: number }>()

  const stateOf = (key: string, now: number) => {
    const known = states.get(key)
    // A clock that was set back ends the window too, so that reports do not stop until it has caught up.
    if (known && now >= known.startedAt && now < known.startedAt + windowSeconds) return known
    const opened = { startedAt: now, passed: 0, dropped: known?.dropped ?? 0 }
    states.set(key, opened)
    return opened
  }

  return {
    take(key) {
      const state = stateOf(key, clock())
      if (state.passed >= limit) {
        state.dropped += 1
        return null
      }
      const { dropped } = state
      state.passed += 1
      state.dropped = 0
      return dropped
    },
  }
}
