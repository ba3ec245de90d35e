import type { Clock } from '../base/clock.js'
import type { LimitsObservation, Telemetry } from './events.js'

/** Tells of limits that change hands: every sink hears of a store that fails them, logs and metrics of its return too. */
export function createReportLimits(
  telemetry: Telemetry,
  clock: Clock,
): (observation: LimitsObservation) => void {
  return (observation) => {
    telemetry.observeLimits?.(observation)
    if (observation.counted === 'together') return
    telemetry.emit({
      event: 'upstream_failure',
      timestamp: new Date(clock() * 1000).toISOString(),
      requestId: 'system',
      code: 'AUTH_UNAVAILABLE',
      error: 'The shared rate limits do not answer. This instance counts by itself.',
      reason: 'limits',
      target: 'store',
    })
  }
}
