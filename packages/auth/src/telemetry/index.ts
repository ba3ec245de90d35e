/** The door of the telemetry room: the events, and how they are emitted. */
export { createConsoleTelemetry } from './console-telemetry.js'
export { createEmitter, type Emitter } from './events.js'
export {
  createPeerWatch,
  createTroubleWatch,
  type PeerWatch,
  type TroubleReport,
  type TroubleWatch,
} from './peer-watch.js'
export {
  outcomeOfError,
  outcomeOfResult,
  type Trace,
  type TraceAttributes,
  traceCalls,
  traced,
  type TracedOperation,
  type TraceOutcome,
  type Tracing,
  type UpstreamTarget,
} from './tracing.js'
export {
  eventNames,
  silentTelemetry,
  type AuthEvent,
  type AuthEventName,
  type LimitsObservation,
  type Observation,
  type Telemetry,
  type UpstreamObservation,
} from './events.js'
