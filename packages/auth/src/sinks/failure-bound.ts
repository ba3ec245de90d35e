import { type Clock, systemClock } from '../base/time.js'
import { statusOf } from '../base/errors.js'
import type { AuthEvent, AuthEventName } from '../telemetry/index.js'

/** Options of a sink that bounds the failures it passes on. */
export interface FailureBoundOptions {
  readonly clock?: Clock | undefined
  /** The number of failures of one code that are passed on in a minute. */
  readonly perCodePerMinute?: number | undefined
}

/** The events whose number a stranger decides: each refused request makes one. */
const failures: ReadonlySet<AuthEventName> = new Set<AuthEventName>([
  'auth_failure',
  'rbac_failure',
  'rate_limited',
  'session_reuse_detected',
  'session_shadow_suspected',
  'proof_refused',
  'upstream_failure',
])

/**
 * Returns the code of a failure, or the name of an event without one. Codes and names are fixed lists, so a bound holds a
 * fixed number of keys whatever is emitted.
 */
export function failureKind(event: AuthEvent): string {
  return event.code !== undefined && Object.hasOwn(statusOf, event.code) ? event.code : event.event
}

/**
 * Creates a bound that lets all events pass but failures above the limit. It returns the number of failures of the same kind
 * that were dropped since the last one passed, or null if this event is dropped too.
 */
export function createFailureBound(
  options: FailureBoundOptions & { readonly perCodePerMinute: number },
): (event: AuthEvent) => number | null {
  const bound = createRateBound({ clock: options.clock, limit: options.perCodePerMinute, windowSeconds: 60 })
  return (event) => (failures.has(event.event) ? bound.take(failureKind(event)) : 0)
}

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
