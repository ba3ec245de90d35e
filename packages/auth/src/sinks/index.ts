/** The door of the sinks room: where events are written. Applications take it through `@perennial/auth/telemetry`. */
export { fanOut } from './fan-out.js'
export {
  type CounterLike,
  createMetricsSink,
  type GaugeLike,
  type HistogramLike,
  type MetricDescription,
  type MetricFactory,
} from './metrics.js'
export {
  createOtelSink,
  type OtelLikeApi,
  type OtelLikeMeter,
  type OtelLikeSpan,
  type OtelSinkOptions,
} from './otel.js'
export { createPinoSink, type PinoLikeLogger } from './pino.js'
export {
  createPosthogSink,
  type PosthogLikeClient,
  type PosthogMessage,
  systemDistinctId,
} from './posthog.js'
export {
  createRateBound,
  type FailureBoundOptions,
  type RateBound,
  type RateBoundOptions,
} from './failure-bound.js'
export {
  createSentrySink,
  type SentryCaptureContext,
  type SentryContext,
  type SentryLikeClient,
  type SentryLikeScope,
  type SentrySinkOptions,
} from './sentry.js'
