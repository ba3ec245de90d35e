import process from 'node:process'
import { createMetricsSink, type MetricFactory, type Telemetry } from '@perennial/auth/telemetry'

/** The page that Prometheus scrapes. */
export interface MetricsPage {
  readonly contentType: string
  readonly body: string
}

/** One answered request. */
export interface HttpObservation {
  readonly method: string
  /** The pattern of the route, never the path of the request. */
  readonly route: string
  readonly status: number
  readonly durationSeconds: number
}

/** The metrics of this process. */
export interface Metrics {
  readonly sink: Telemetry
  observeHttp(observation: HttpObservation): void
  /** Counts a log line that was dropped, or a failed delivery to Sentry, PostHog or an OTLP receiver. */
  countLoss(of: 'log' | 'sentry' | 'posthog' | 'otlp' | 'sink'): void
  read(): Promise<MetricsPage>
}

const httpBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Creates a registry with the default metrics of a Node process. prom-client is loaded only here. */
export async function createMetrics(version: string): Promise<Metrics> {
  const { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } = await import('prom-client')
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const factory: MetricFactory = {
    counter: (description) => new Counter({ ...description, registers: [registry] }),
    histogram: (description) => new Histogram({ ...description, registers: [registry] }),
    gauge: (description) => new Gauge({ ...description, registers: [registry] }),
  }
  const seconds = new Histogram({
    name: 'perennial_http_request_duration_seconds',
    help: 'Duration of HTTP requests, by method, route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: httpBuckets,
    registers: [registry],
  })
  const losses = new Counter({
    name: 'perennial_telemetry_losses_total',
    help: 'Log lines that were dropped, and failed deliveries of telemetry, by sink.',
    labelNames: ['sink'],
    registers: [registry],
  })
  for (const sink of ['log', 'sentry', 'posthog', 'otlp', 'sink']) losses.inc({ sink }, 0)
  new Gauge({
    name: 'perennial_build_info',
    help: '1; the version of Perennial and of Node are in the labels.',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version, node: process.versions.node }, 1)
  return {
    sink: createMetricsSink(factory),
    observeHttp: ({ method, route, status, durationSeconds }) =>
      seconds.observe({ method, route, status }, durationSeconds),
    countLoss: (sink) => losses.inc({ sink }),
    read: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  }
}
