/** The door of the telemetry room: the events, and how they are emitted. */
export {
  type AuthEvent,
  type AuthEventName,
  type LimitsObservation,
  silentTelemetry,
  type Telemetry,
  type UpstreamObservation,
  type UpstreamTarget,
} from './events.js'
export { createReportFailure, type ReportFailure } from './report-failure.js'
export { createReportLimits } from './report-limits.js'
export { reasonLabel } from './reason-label.js'
