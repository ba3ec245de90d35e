export {
  type AuthEvent,
  type AuthEventName,
  type LimitsObservation,
  silentTelemetry,
  type Telemetry,
  type UpstreamObservation,
  type UpstreamTarget,
} from './events.js'
export { fanOut } from './fan-out.js'
export {
  type CounterLike,
  createMetricsSink,
  type GaugeLike,
  type HistogramLike,
  type MetricDescription,
  type MetricFactory,
} from './metrics-sink.js'
export { createPinoSink, type PinoLikeLogger } from './pino-sink.js'
export {
  createPosthogSink,
  type PosthogLikeClient,
  type PosthogMessage,
  systemDistinctId,
} from './posthog-sink.js'
export { createRateBound, type RateBound, type RateBoundOptions } from './rate-bound.js'
export {
  createSentrySink,
  type SentryContext,
  type SentryLikeClient,
  type SentrySinkOptions,
} from './sentry-sink.js'
