import type { Clock } from '../base/time.js'
import { statusOf } from '../base/errors.js'
import type { AuthEvent, AuthEventName } from '../telemetry/index.js'
import { createRateBound } from './rate-bound.js'

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
