export { createTelemetry, type ServiceTelemetry, type TelemetryOptions } from './create-telemetry.js'
export type { MetricsPage } from './prometheus.js'
