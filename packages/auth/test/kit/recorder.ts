import type { AuthEvent, Telemetry, UpstreamObservation } from '../../src/telemetry/events.js'

/** A sink that keeps what it is given. */
export interface Recorder extends Telemetry {
  readonly events: AuthEvent[]
  readonly observed: UpstreamObservation[]
}

/** Creates a sink that keeps every event and every observation of an upstream call, in their order. */
export function createRecorder(): Recorder {
  const events: AuthEvent[] = []
  const observed: UpstreamObservation[] = []
  return {
    events,
    observed,
    emit: (event) => void events.push(event),
    observeUpstream: (observation) => void observed.push(observation),
  }
}
