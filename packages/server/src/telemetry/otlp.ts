import type { Context, Span } from '@opentelemetry/api'
import { createOtelSink } from '@perennial/auth/telemetry'
import type { IncomingHttpHeaders } from 'node:http'
import type { DeliveryReports, SinkConnection } from './delivery.js'

/** Options of {@link connectOtlp}. */
export interface OtlpOptions extends DeliveryReports {
  /** The base URL of an OTLP receiver over HTTP; `/v1/traces` and `/v1/metrics` are added to its path. */
  readonly endpoint: string
  readonly release: string
}

/** Runs a function within the trace that a request belongs to. */
export type FollowTrace = (headers: IncomingHttpHeaders, run: () => void) => void

/** A connected receiver of traces and metrics. */
export interface OtlpConnection extends SinkConnection {
  readonly followTrace: FollowTrace
}

/** An exporter of OpenTelemetry. `code` 0 means delivered. */
interface Exporter<Batch> {
  export(batch: Batch, done: (result: { readonly code: number; readonly error?: Error }) => void): void
}

/**
 * Connects to an OTLP receiver, with providers of its own: nothing global is set, and nothing is instrumented. The exporters read
 * the other variables of the standard (`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME` …). The SDK is loaded only here.
 */
export async function connectOtlp(options: OtlpOptions): Promise<OtlpConnection> {
  const { endpoint, release } = options
  const sdk = await loadSdk()
  const { api } = sdk
  const base = endpoint.replace(/\/+$/, '')
  const resource = sdk
    .resourceFromAttributes({ 'service.name': 'perennial', 'service.version': release })
    .merge(sdk.detectResources({ detectors: [sdk.envDetector, sdk.serviceInstanceIdDetector] }))
  const traces = reporting(new sdk.OTLPTraceExporter({ url: `${base}/v1/traces` }), options)
  const tracers = new sdk.TracerProvider({
    resource,
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: traces })],
  })
  const metrics = reporting(new sdk.OTLPMetricExporter({ url: `${base}/v1/metrics` }), options)
  const meters = new sdk.MeterProvider({
    resource,
    readers: [new sdk.PeriodicExportingMetricReader({ exporter: metrics })],
  })
  const context = new sdk.AsyncLocalStorageContextManager()
  const propagation = new sdk.W3CTraceContextPropagator()
  const sink = createOtelSink<Context, Span>({
    trace: { ...spansOf(api), getTracer: (name) => tracers.getTracer(name, release) },
    context: { active: () => context.active(), with: (inside, run) => context.with(inside, run) },
    propagation: {
      inject: (inside, carrier) => propagation.inject(inside, carrier, api.defaultTextMapSetter),
    },
    metrics: { getMeter: (name) => meters.getMeter(name, release) },
  })
  return {
    sink,
    followTrace: (headers, run) =>
      context.with(propagation.extract(api.ROOT_CONTEXT, headers, api.defaultTextMapGetter), run),
    async close() {
      await Promise.allSettled([tracers.shutdown(), meters.shutdown()])
    },
  }
}

type Api = Awaited<ReturnType<typeof loadSdk>>['api']

/** The API's own functions need no global. */
function spansOf({ trace }: Api): Pick<Api['trace'], 'getSpan' | 'setSpan'> {
  return {
    getSpan: (context) => trace.getSpan(context),
    setSpan: (context, span) => trace.setSpan(context, span),
  }
}

async function loadSdk() {
  const [api, hooks, core, resources, tracing, metrics, traceExporter, metricExporter] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/core'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/sdk-metrics'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/exporter-metrics-otlp-http'),
  ])
  return { api, ...hooks, ...core, ...resources, ...tracing, ...metrics, ...traceExporter, ...metricExporter }
}

/** Returns the exporter, whose failures are reported by their name: a message can contain what the receiver answered. */
function reporting<Batch, E extends Exporter<Batch>>(
  exporter: E & Exporter<Batch>,
  { onFailure, onDelivered }: DeliveryReports,
): E {
  const send = exporter.export.bind(exporter)
  exporter.export = (batch, done) =>
    send(batch, (result) => {
      if (result.code === 0) onDelivered('otlp')
      else onFailure('otlp', codeOf(result.error))
      done(result)
    })
  return exporter
}

/** The exporter puts the status of the answer, or the code of the socket, into `code`. */
function codeOf(error: Error | undefined): string {
  if (!error || !('code' in error)) return error?.name ?? 'failed'
  return typeof error.code === 'number' ? `status_${error.code}` : String(error.code)
}
