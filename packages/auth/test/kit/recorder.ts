import type {
  AuthEvent,
  LimitsObservation,
  Telemetry,
  UpstreamObservation,
} from '../../src/telemetry/events.js'

/** A sink that keeps what it is given. */
export interface Recorder extends Telemetry {
  readonly events: AuthEvent[]
  readonly observed: UpstreamObservation[]
  readonly limits: LimitsObservation[]
}

/** Creates a sink that keeps every event and every observation of an upstream call or of the limits, in their order. */
export function createRecorder(): Recorder {
  const events: AuthEvent[] = []
  const observed: UpstreamObservation[] = []
  const limits: LimitsObservation[] = []
  return {
    events,
    observed,
    limits,
    emit: (event) => void events.push(event),
    observeUpstream: (observation) => void observed.push(observation),
    observeLimits: (observation) => void limits.push(observation),
  }
}
