import type { Clock } from '../base/clock.js'
import type { AuthError, AuthErrorCode } from '../base/errors.js'
import type { AuthEventName, Telemetry } from './events.js'

/** Tells the event stream of a failure that is about to be answered; each answer is told once. */
export type ReportFailure = (error: AuthError, requestId: string) => void

const eventOf: Partial<Record<AuthErrorCode, AuthEventName>> = {
  AUTH_ROLE_INSUFFICIENT: 'rbac_failure',
  AUTH_RATE_LIMITED: 'rate_limited',
}

/** Reports `rbac_failure`, `rate_limited`, or `auth_failure` for everything else. */
export function createReportFailure(telemetry: Telemetry, clock: Clock): ReportFailure {
  return (error, requestId) => {
    telemetry.emit({
      event: eventOf[error.code] ?? 'auth_failure',
      timestamp: new Date(clock() * 1000).toISOString(),
      requestId,
      ...error.subject,
      code: error.code,
      error: error.message,
      ...(error.reason === undefined ? {} : { reason: error.reason }),
    })
  }
}
