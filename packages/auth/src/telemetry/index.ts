/** The door of the telemetry room: the events, and how they are emitted. */
export { createEmitter, type Emitter } from './events.js'
export {
  silentTelemetry,
  type AuthEvent,
  type AuthEventName,
  type LimitsObservation,
  type Telemetry,
  type UpstreamObservation,
  type UpstreamTarget,
} from './events.js'
