import { createMetricsSink, type MetricFactory, type Telemetry } from '@perennial/auth/telemetry'

/** The page that Prometheus scrapes. */
export interface MetricsPage {
  readonly contentType: string
  readonly body: string
}

/** The metrics of this process. */
export interface Metrics {
  readonly sink: Telemetry
  read(): Promise<MetricsPage>
}

/** Creates a registry with the default metrics of a Node process. prom-client is loaded only here. */
export async function createMetrics(): Promise<Metrics> {
  const { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } = await import('prom-client')
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const factory: MetricFactory = {
    counter: (description) => new Counter({ ...description, registers: [registry] }),
    histogram: (description) => new Histogram({ ...description, registers: [registry] }),
    gauge: (description) => new Gauge({ ...description, registers: [registry] }),
  }
  return {
    sink: createMetricsSink(factory),
    read: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  }
}
