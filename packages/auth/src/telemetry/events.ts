import type { AuthErrorCode } from '../base/errors.js'
import type { Reason } from '../base/reasons.js'

/** The names of the one event stream that logs, Sentry, PostHog and metrics share. */
export type AuthEventName =
  | 'auth_success'
  | 'auth_failure'
  | 'rbac_failure'
  | 'token_refreshed'
  | 'session_created'
  | 'session_revoked'
  | 'session_reuse_detected'
  | 'rate_limited'
  | 'upstream_failure'

/** One thing that happened. Holds ids and codes, never a token, a key or an `Authorization` value. */
export interface AuthEvent {
  readonly event: AuthEventName
  /** ISO 8601. */
  readonly timestamp: string
  readonly requestId: string
  /** Absent where nobody is known yet; sinks then say `system`. */
  readonly memberId?: string
  readonly sessionId?: string
  readonly code?: AuthErrorCode
  /** For people: the message of the error, without secrets. */
  readonly error?: string
  /** Why, in one word, for logs and metrics: `signature`, `expired`, `unknown`, `reused`, `sign_out`, `status_500` … */
  readonly reason?: Reason
  /** `token_refreshed` only: how the caller was served. */
  readonly how?: 'rotated' | 'replayed' | 'coalesced' | 'caught_up'
  /** What was asked, for `upstream_failure`. */
  readonly target?: UpstreamTarget
}

/** The parties whose answers Perennial waits for. */
export type UpstreamTarget = 'admin' | 'refresh' | 'jwks' | 'store'

/** One answer, or the lack of one, that was waited for. */
export interface UpstreamObservation {
  readonly target: UpstreamTarget
  readonly outcome: 'ok' | 'refused' | 'failed'
  readonly durationSeconds: number
}

/**
 * Where the limits of a shared store are counted: by all instances together, or by this one alone while the store does not
 * answer. Told when it changes.
 */
export interface LimitsObservation {
  readonly counted: 'together' | 'alone'
  /** `together` only: how long this instance had counted by itself, in whole seconds. */
  readonly aloneSeconds?: number
}

/** Where events go. A sink returns at once and does not throw; see {@link fanOut} for those that might. */
export interface Telemetry {
  emit(event: AuthEvent): void
  observeUpstream(observation: UpstreamObservation): void
  /** Optional: a sink that has nothing to say of limits leaves it out. */
  observeLimits?(observation: LimitsObservation): void
}

/** Hears nothing: the default of the library. */
export const silentTelemetry: Telemetry = { emit: () => {}, observeUpstream: () => {} }
