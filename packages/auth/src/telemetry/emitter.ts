import type { AuthError, AuthErrorCode } from '../base/errors.js'
import type { Reason } from '../base/reasons.js'
import { toIsoTime, type Clock } from '../base/time.js'
import type { AuthEvent, AuthEventName, Telemetry, UpstreamTarget } from './events.js'

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
  /** Emits a failure that is about to be answered: `rbac_failure`, `rate_limited`, or `auth_failure` for every other code. */
  readonly emitFailure: (error: AuthError, requestId: string) => void
  /** Emits `upstream_failure`. */
  readonly emitTrouble: (trouble: Trouble) => void
}

const eventOf: Partial<Record<AuthErrorCode, AuthEventName>> = {
  AUTH_ROLE_INSUFFICIENT: 'rbac_failure',
  AUTH_RATE_LIMITED: 'rate_limited',
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
