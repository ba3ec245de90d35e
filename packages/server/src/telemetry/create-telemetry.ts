import { createPinoSink, fanOut, type Telemetry } from '@perennial/auth/telemetry'
import { systemClock } from '@perennial/auth'
import type { DestinationStream, Logger } from 'pino'
import { readVersion } from '../base/process.js'
import { withTimeLimit } from '../base/time-limit.js'
import { createDelivery, type Delivery, type DeliveryReports, type SinkConnection } from './delivery.js'
import { createDeliveryLog, type DeliveryLog } from './delivery-log.js'
import { createLogger } from './logger.js'
import { openOutput } from '../base/output.js'
import { connectOtlp, type FollowTrace, type OtlpConnection } from './otlp.js'
import { connectPosthog } from './posthog.js'
import { createMetrics, type HttpObservation, type MetricsPage } from './prometheus.js'
import { connectSentry } from './sentry.js'

/** The sinks of events: the log always, the others only if configured. */
export interface TelemetryOptions {
  readonly logLevel: string
  readonly sentryDsn?: string | undefined
  readonly posthogApiKey?: string | undefined
  readonly posthogHost?: string | undefined
  /** The base URL of an OTLP receiver. */
  readonly otlpEndpoint?: string | undefined
  readonly metrics: boolean
  readonly environment: string
  readonly release?: string | undefined
  /** Seconds since the epoch. @defaultValue the system clock */
  readonly clock?: (() => number) | undefined
  /** True for lines that a person reads at a terminal; JSON otherwise. @defaultValue false */
  readonly readableLog?: boolean | undefined
  /** @defaultValue standard output */
  readonly logDestination?: DestinationStream | undefined
}

/** The telemetry of the service. */
export interface ServiceTelemetry {
  readonly telemetry: Telemetry
  readonly logger: Logger
  /** Returns the page at `/metrics`; null if metrics are off. */
  readonly readMetrics: (() => Promise<MetricsPage>) | null
  /** Counts an answered request, if metrics are on. */
  readonly observeHttp: (observation: HttpObservation) => void
  /** Runs the work of a request within the trace that its headers name; null if no OTLP receiver is set. */
  readonly followTrace: FollowTrace | null
  /**
   * Sends what is queued, for at most `timeoutSeconds`, then drops the rest. For the shutdown; never rejects. Later events
   * still reach the log and the metrics, and nothing keeps the process alive.
   */
  flush(timeoutSeconds: number): Promise<void>
}

const requestTimeoutSeconds = 5

/** @throws TypeError if the Sentry DSN is not valid */
export async function createTelemetry(options: TelemetryOptions): Promise<ServiceTelemetry> {
  const { clock } = options
  const metrics = options.metrics ? await createMetrics(readVersion()) : null
  const log = await createLogger({
    level: options.logLevel,
    destination: options.logDestination,
    onDrop: () => metrics?.countLoss('log'),
    readable: options.readableLog,
  })
  const delivery = createDelivery(requestTimeoutSeconds)
  const deliveries = createDeliveryLog({
    logger: log.logger,
    isAbandoned: delivery.isAbandoned,
    clock: clock ?? systemClock,
    count: (sink) => metrics?.countLoss(sink),
    hosts: hostsOf(options),
  })
  const otlp = await connectOtlpOf(options, deliveries)
  const connections = [
    ...(await connect(options, { clock, delivery, ...deliveries })),
    ...(otlp === null ? [] : [otlp]),
  ]

  const sinks = [createPinoSink(log.logger, { clock }), ...connections.map(({ sink }) => sink)]
  if (metrics) sinks.push(metrics.sink)
  return {
    telemetry: fanOut(sinks, deliveries.onThrown),
    logger: log.logger,
    readMetrics: metrics ? () => metrics.read() : null,
    observeHttp: (observation) => metrics?.observeHttp(observation),
    followTrace: otlp?.followTrace ?? null,
    async flush(timeoutSeconds) {
      const flushed = closeAll(connections, timeoutSeconds).then(() => log.flush())
      await withTimeLimit(timeoutSeconds, flushed, () => undefined)
      delivery.abandon()
      reportUnwritten(log.countUnwritten())
    },
  }
}

async function connectOtlpOf(
  { otlpEndpoint: endpoint, release = readVersion() }: TelemetryOptions,
  { onFailure, onDelivered }: DeliveryLog,
): Promise<OtlpConnection | null> {
  return endpoint === undefined ? null : await connectOtlp({ endpoint, release, onFailure, onDelivered })
}

interface World extends DeliveryReports {
  readonly clock: TelemetryOptions['clock']
  readonly delivery: Delivery
}

async function connect(options: TelemetryOptions, world: World): Promise<SinkConnection[]> {
  const { sentryDsn, posthogApiKey, posthogHost, environment } = options
  const { release = readVersion() } = options
  const connections: Promise<SinkConnection>[] = []
  if (sentryDsn) connections.push(connectSentry({ dsn: sentryDsn, environment, release, ...world }))
  if (posthogApiKey) connections.push(connectPosthog({ apiKey: posthogApiKey, host: posthogHost, ...world }))
  return Promise.all(connections)
}

/** Returns the hosts of the receivers. A value that is not a URL is reported by the connection. */
function hostsOf({ sentryDsn, posthogApiKey, posthogHost, otlpEndpoint }: TelemetryOptions) {
  const hostOf = (url: string | undefined) => URL.parse(url ?? '')?.host
  return {
    sentry: hostOf(sentryDsn),
    posthog: posthogApiKey === undefined ? undefined : (hostOf(posthogHost) ?? usualPosthogHost),
    otlp: hostOf(otlpEndpoint),
  }
}

const usualPosthogHost = 'us.i.posthog.com'

/** Reports lines that are lost at the exit on standard error, which may be another file than standard output. */
function reportUnwritten(count: number): void {
  if (count > 0) openOutput({ fd: 2 }).write(`${count} lines of the log could not be written.\n`)
}

async function closeAll(connections: readonly SinkConnection[], timeoutSeconds: number): Promise<void> {
  await Promise.allSettled(connections.map((connection) => connection.close(timeoutSeconds)))
}
