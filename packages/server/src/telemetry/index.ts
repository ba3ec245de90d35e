export { createTelemetry, type ServiceTelemetry, type TelemetryOptions } from './create-telemetry.js'
export type { HttpObservation, MetricsPage } from './prometheus.js'
