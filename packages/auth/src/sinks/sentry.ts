import type { Clock } from '../base/time.js'
import { statusOf } from '../base/errors.js'
import type { AuthEvent, AuthEventName, Telemetry } from '../telemetry/index.js'
import { createRateBound } from './rate-bound.js'

/** What goes to Sentry beside the error. */
export interface SentryContext {
  readonly extra: Readonly<Record<string, string | number | null>>
  readonly fingerprint: string[]
  readonly tags: Readonly<Record<string, string>>
  readonly level: 'warning' | 'error'
}

/** The part of `@sentry/node` (the module itself, or a `Scope`) that the sink uses. */
export interface SentryLikeClient {
  captureException(error: Error, hint: { readonly captureContext: SentryContext }): unknown
}

/** What {@link createSentrySink} needs. */
export interface SentrySinkOptions {
  readonly client: SentryLikeClient
  readonly clock?: Clock | undefined
  /** How many failures of one code are sent in a minute. @defaultValue 5 */
  readonly perCodePerMinute?: number | undefined
}

/** The failures among the events; the others are none of Sentry's business. */
const severityOf: Partial<Record<AuthEventName, SentryContext['level']>> = {
  auth_failure: 'warning',
  rbac_failure: 'warning',
  rate_limited: 'warning',
  session_reuse_detected: 'error',
  upstream_failure: 'error',
}

/**
 * Sends failures to Sentry, as one issue for each code. Of one code no more than `perCodePerMinute` go out; the number
 * dropped since is in the next one's `dropped` extra.
 */
export function createSentrySink(options: SentrySinkOptions): Telemetry {
  const { client, clock, perCodePerMinute = 5 } = options
  const bound = createRateBound({ clock, limit: perCodePerMinute, windowSeconds: 60 })

  return {
    emit(event) {
      const level = severityOf[event.event]
      if (!level) return
      const kind = kindOf(event)
      const dropped = bound.take(kind)
      if (dropped === null) return
      const captureContext = {
        extra: { error: event.error ?? null, code: event.code ?? null, ...(dropped > 0 ? { dropped } : {}) },
        fingerprint: [kind],
        tags: { event: event.event },
        level,
      }
      client.captureException(asError(kind, event), { captureContext })
    },
    observeUpstream() {},
  }
}

// Codes and event names are fixed lists, so the bound holds a fixed number of keys whatever is emitted.
function kindOf(event: AuthEvent): string {
  return event.code !== undefined && Object.hasOwn(statusOf, event.code) ? event.code : event.event
}

// The stack would be the sink's own, the same each time, and would tell where the service is installed.
function asError(kind: string, event: AuthEvent): Error {
  const error = new Error(event.error ?? event.event)
  error.name = kind
  delete error.stack
  return error
}
