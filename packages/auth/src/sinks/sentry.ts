import type { Clock } from '../base/time.js'
import type { AuthEvent, AuthEventName, Telemetry } from '../telemetry/index.js'
import { createFailureBound, failureKind } from './failure-bound.js'

/** The data that goes to Sentry beside the error. */
export interface SentryContext {
  readonly extra: Readonly<Record<string, string | number | null>>
  readonly fingerprint: string[]
  readonly tags: Readonly<Record<string, string>>
  readonly level: 'warning' | 'error'
}

/** The part of a Sentry `Scope` that the sink uses. */
export interface SentryLikeScope {
  addEventProcessor(processor: <E extends object>(event: E, hint: { attachments?: unknown[] }) => E): unknown
  setExtras(extras: Record<string, unknown>): unknown
  setFingerprint(fingerprint: string[]): unknown
  setLevel(level: SentryContext['level']): unknown
  setTags(tags: Record<string, string>): unknown
}

/** A Sentry `captureContext`: the SDK calls it with the scope of this event alone. It carries the data as fields, too. */
export type SentryCaptureContext = SentryContext & (<Scope extends SentryLikeScope>(scope: Scope) => Scope)

/** The part of `@sentry/node` 9, 10 or 11 (the module itself, or a `Scope`) that the sink uses. */
export interface SentryLikeClient {
  captureException(error: Error, hint: { readonly captureContext: SentryCaptureContext }): unknown
  /** Sends what is queued, for at most so many milliseconds. A `Scope` has none. */
  flush?(timeoutMs: number): PromiseLike<unknown>
}

/** Options of {@link createSentrySink}. */
export interface SentrySinkOptions {
  readonly client: SentryLikeClient
  readonly clock?: Clock | undefined
  /** The number of failures of one code that are sent in a minute. @defaultValue 5 */
  readonly perCodePerMinute?: number | undefined
}

/** The longest that the SDK sends what is queued, in milliseconds. */
const flushMs = 1_000

/** The failures among the events; Sentry gets no others. */
const severityOf: Partial<Record<AuthEventName, SentryContext['level']>> = {
  auth_failure: 'warning',
  rbac_failure: 'warning',
  rate_limited: 'warning',
  session_shadow_suspected: 'warning',
  proof_refused: 'warning',
  session_reuse_detected: 'error',
  upstream_failure: 'error',
}

/**
 * Sends failures to Sentry, as one issue for each code. Of one code no more than `perCodePerMinute` go out; the number
 * dropped since is in the next one's `dropped` extra. An event carries nothing of the request that was under way: no
 * headers, cookies, body, user, breadcrumbs, tags or attachments of the application.
 */
export function createSentrySink(options: SentrySinkOptions): Telemetry {
  const { client, clock, perCodePerMinute = 5 } = options
  const bound = createFailureBound({ clock, perCodePerMinute })

  return {
    emit(event) {
      const level = severityOf[event.event]
      if (!level) return
      const kind = failureKind(event)
      const dropped = bound(event)
      if (dropped === null) return
      const captureContext = createCaptureContext({
        extra: { error: event.error ?? null, code: event.code ?? null, ...(dropped > 0 ? { dropped } : {}) },
        fingerprint: [kind],
        tags: { event: event.event },
        level,
      })
      client.captureException(asError(kind, event), { captureContext })
    },
    observeUpstream() {},
    flush: async () => await client.flush?.(flushMs),
  }
}

/**
 * Creates a context whose last event processor removes everything that the SDK adds from the application's scopes and
 * from the request under way. Scopes cannot be avoided: even an event that is captured on a new `Scope` gets the data of
 * the current isolation scope.
 */
function createCaptureContext(context: SentryContext): SentryCaptureContext {
  const apply = <Scope extends SentryLikeScope>(scope: Scope): Scope => {
    scope.setExtras(context.extra)
    scope.setFingerprint(context.fingerprint)
    scope.setLevel(context.level)
    scope.setTags(context.tags)
    scope.addEventProcessor((event, hint) => {
      delete hint.attachments
      return removeAmbient(event, context)
    })
    return scope
  }
  return Object.assign(apply, context)
}

/** The fields of a Sentry event that do not depend on the request. */
const keptFields: ReadonlySet<string> = new Set([
  'type',
  'event_id',
  'timestamp',
  'platform',
  'exception',
  'environment',
  'release',
  'dist',
  'server_name',
  'sdk',
])

function removeAmbient<Event extends object>(event: Event, context: SentryContext): Event {
  for (const field of Object.keys(event)) if (!keptFields.has(field)) Reflect.deleteProperty(event, field)
  return Object.assign(event, context)
}

// The stack would be the sink's own, the same each time, and would contain the path of the installation.
function asError(kind: string, event: AuthEvent): Error {
  const error = new Error(event.error ?? event.event)
  error.name = kind
  delete error.stack
  return error
}
