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

/** One event. It contains ids and codes, never a token, a key or an `Authorization` value. */
export interface AuthEvent {
  readonly event: AuthEventName
  /** ISO 8601. */
  readonly timestamp: string
  readonly requestId: string
  /** Absent if no member is known; sinks then use `system`. */
  readonly memberId?: string
  readonly sessionId?: string
  readonly code?: AuthErrorCode
  /** For people: the message of the error, without secrets. */
  readonly error?: string
  /** The reason in one word, for logs and metrics: `signature`, `expired`, `reused`, `sign_out`, `status_500` … */
  readonly reason?: Reason
  /** `token_refreshed` only: how the caller was served. */
  readonly how?: 'rotated' | 'replayed' | 'coalesced' | 'caught_up'
  /** The peer that failed, for `upstream_failure`. */
  readonly target?: UpstreamTarget
}

/** The parties whose answers Perennial waits for. */
export type UpstreamTarget = 'admin' | 'refresh' | 'jwks' | 'store'

/** One call of a peer: its outcome and duration. */
export interface UpstreamObservation {
  readonly target: UpstreamTarget
  readonly outcome: 'ok' | 'refused' | 'failed'
  readonly durationSeconds: number
}

/**
 * The place where the limits of a shared store are counted: by all instances together, or by this one alone while the store
 * does not answer. Reported when it changes.
 */
export interface LimitsObservation {
  readonly counted: 'together' | 'alone'
  /** `together` only: how long this instance had counted by itself, in whole seconds. */
  readonly aloneSeconds?: number
}

/** A receiver of events. It returns at once and does not throw; see `fanOut` for sinks that might. */
export interface Telemetry {
  emit(event: AuthEvent): void
  observeUpstream(observation: UpstreamObservation): void
  /** Optional, for sinks that report the place where limits are counted. */
  observeLimits?(observation: LimitsObservation): void
}

/** Ignores all events: the default of the library. */
export const silentTelemetry: Telemetry = { emit: () => {}, observeUpstream: () => {} }
