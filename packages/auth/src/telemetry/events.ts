import type { AuthErrorCode, AuthError } from '../base/errors.js'
import type { Reason } from '../base/reasons.js'
import { toIsoTime, type Clock } from '../base/time.js'
import type { Tracing, UpstreamTarget } from './tracing.js'

/** The names of the one event stream that logs, Sentry, PostHog and metrics share. */
export const eventNames = [
  'auth_success',
  'auth_failure',
  'rbac_failure',
  'token_refreshed',
  'session_created',
  'session_revoked',
  'session_reuse_detected',
  'session_shadow_suspected',
  'proof_refused',
  'rate_limited',
  'upstream_failure',
] as const

/** The name of an event. */
export type AuthEventName = (typeof eventNames)[number]

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
  /** `session_revoked` of all sessions only: how many were live. */
  readonly count?: number
  /** `token_refreshed` only: how the caller was served. */
  readonly how?: 'rotated' | 'kept' | 'replayed' | 'coalesced' | 'caught_up'
  /** The peer that failed, for `upstream_failure`. */
  readonly target?: UpstreamTarget
}

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

/** An attempt to get a place in the quota of the admin API. */
export interface QuotaObservation {
  readonly kind: 'admin_quota'
  readonly outcome: 'granted' | 'refused'
  /** The wait for the place, or for the refusal. */
  readonly waitedSeconds: number
}

/** A member was served from an older answer, because the admin API did not answer. */
export interface StaleObservation {
  readonly kind: 'stale_answer'
  /** The request that was served: a refresh or sign-in, or the user context of `authenticate`. */
  readonly use: 'membership' | 'user_context'
}

/** A webhook was accepted: its work is done, or had been done before. */
export interface WebhookObservation {
  readonly kind: 'webhook_accepted'
  readonly requestId: string
  /** The `svix-id`. */
  readonly webhookId: string
}

/** A webhook of a kind that is not known. Reported once for each kind. */
export interface UnknownWebhookObservation {
  readonly kind: 'webhook_not_understood'
  /** The name of the event, cut at 64 characters. */
  readonly webhookEvent: string
  /** `hint`: the members that it names were read again. `ignored`: it names none. */
  readonly taken: 'hint' | 'ignored'
}

/** A peer cannot be used. Reported once for each cause until the trouble is over, however many calls fail. */
export interface TroubleObservation {
  readonly kind: 'upstream_trouble'
  readonly target: UpstreamTarget
  /** The host, or the address of the store, without user and password. */
  readonly host: string
  readonly reason: Reason
  /** For people, such as `nothing listens at this address (ECONNREFUSED)`. */
  readonly cause: string
}

/** The trouble of a peer is over. */
export interface RecoveryObservation {
  readonly kind: 'upstream_recovered'
  readonly target: UpstreamTarget
  readonly host: string
  /** From the first failure to the first success after the last one, in whole seconds. */
  readonly lastedSeconds: number
  /** The number of calls that failed. */
  readonly failures: number
}

/** The clock of this machine was compared with that of the store or of Memberstack. */
export interface ClockObservation {
  readonly kind: 'clock'
  readonly peer: 'store' | 'memberstack'
  readonly host: string
  /** By how many seconds the clock of this machine is ahead; negative if it is behind. */
  readonly aheadSeconds: number
  /** True if the difference matters. One to the store is corrected then. */
  readonly differs: boolean
  /** True if that has changed, or the correction has. */
  readonly isNews: boolean
}

/** Facts about the operation that are no events. */
export type Observation =
  | QuotaObservation
  | StaleObservation
  | WebhookObservation
  | UnknownWebhookObservation
  | TroubleObservation
  | RecoveryObservation
  | ClockObservation

/** A receiver of events. It returns at once and does not throw; see `fanOut` for sinks that might. */
export interface Telemetry extends Tracing {
  emit(event: AuthEvent): void
  observeUpstream(observation: UpstreamObservation): void
  /** Optional, for sinks that report the place where limits are counted. */
  observeLimits?(observation: LimitsObservation): void
  /** Optional, for sinks that report the use of quotas, stale answers and webhooks. */
  observe?(observation: Observation): void
  /** Optional, for sinks that send later: resolves when all that was emitted has been sent. For processes that may be frozen. */
  flush?(): Promise<unknown>
}

/** Ignores all events: the default of the library. */
export const silentTelemetry: Telemetry = { emit: () => {}, observeUpstream: () => {} }

/** The request id of events that no request caused. */
const systemRequestId = 'system'

/** Trouble of an upstream or of the store, as it is reported. */
interface Trouble {
  readonly target: UpstreamTarget
  readonly reason: Reason
  /** For people; without secrets. */
  readonly error: string
  readonly code?: AuthErrorCode | undefined
  /** @defaultValue `system` */
  readonly requestId?: string | undefined
}

/** Emits events with their time. It is the one place where an event is put together. */
export interface Emitter {
  readonly emit: (event: Omit<AuthEvent, 'timestamp'>) => void
  /** Emits a failure that is about to be answered: `rbac_failure`, `rate_limited`, `proof_refused`, or `auth_failure` for every other code. */
  readonly emitFailure: (error: AuthError, requestId: string) => void
  /** Emits `upstream_failure`. */
  readonly emitTrouble: (trouble: Trouble) => void
}

const eventOf: Partial<Record<AuthErrorCode, AuthEventName>> = {
  AUTH_ROLE_INSUFFICIENT: 'rbac_failure',
  AUTH_RATE_LIMITED: 'rate_limited',
  AUTH_PROOF_INVALID: 'proof_refused',
}

/** Creates an emitter that writes to `telemetry`, with the time of `clock`. */
export function createEmitter(telemetry: Telemetry, clock: Clock): Emitter {
  const emit: Emitter['emit'] = (event) => telemetry.emit({ ...event, timestamp: toIsoTime(clock()) })
  return {
    emit,
    emitFailure: (error, requestId) =>
      emit({
        event: eventOf[error.code] ?? 'auth_failure',
        requestId,
        ...error.subject,
        code: error.code,
        error: error.message,
        ...(error.reason === undefined ? {} : { reason: error.reason }),
      }),
    emitTrouble: ({ requestId = systemRequestId, code, ...trouble }) =>
      emit({ event: 'upstream_failure', requestId, ...(code === undefined ? {} : { code }), ...trouble }),
  }
}
