import type {
  AuthEvent,
  LimitsObservation,
  Observation,
  Telemetry,
  UpstreamObservation,
} from '../../src/telemetry/events.js'

/** A sink that keeps what it is given. */
export interface Recorder extends Telemetry {
  readonly events: AuthEvent[]
  readonly observed: UpstreamObservation[]
  readonly limits: LimitsObservation[]
  readonly observations: Observation[]
}

/** Creates a sink that keeps every event and every observation, each kind in its order. */
export function createRecorder(): Recorder {
  const events: AuthEvent[] = []
  const observed: UpstreamObservation[] = []
  const limits: LimitsObservation[] = []
  const observations: Observation[] = []
  return {
    events,
    observed,
    limits,
    observations,
    emit: (event) => void events.push(event),
    observeUpstream: (observation) => void observed.push(observation),
    observeLimits: (observation) => void limits.push(observation),
    observe: (observation) => void observations.push(observation),
  }
}
