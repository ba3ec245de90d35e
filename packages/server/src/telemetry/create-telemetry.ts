import { createPinoSink, createRateBound, fanOut, type Telemetry } from '@perennial/auth/telemetry'
import type { DestinationStream, Logger } from 'pino'
import { createDelivery, type Delivery } from './delivery.js'
import { createLogger } from './logger.js'
import { connectPosthog } from './posthog.js'
import { createMetrics, type MetricsPage } from './prometheus.js'
import { connectSentry } from './sentry.js'
import type { OnDeliveryFailure, SinkConnection } from './sink-connection.js'

/** Where events go; logs always, the others each only when configured. */
export interface TelemetryOptions {
  readonly logLevel: string
  readonly sentryDsn?: string | undefined
  readonly posthogApiKey?: string | undefined
  readonly posthogHost?: string | undefined
  readonly metrics: boolean
  readonly environment: string
  readonly release?: string | undefined
  /** Seconds since the epoch. @defaultValue the machine's */
  readonly clock?: (() => number) | undefined
  /** @defaultValue standard output */
  readonly logDestination?: DestinationStream | undefined
}

/** The telemetry of the service. */
export interface ServiceTelemetry {
  readonly telemetry: Telemetry
  readonly logger: Logger
  /** What `/metrics` answers; null when metrics are off. */
  readonly readMetrics: (() => Promise<MetricsPage>) | null
  /**
   * For shutdown: hands over what is queued, for `timeoutSeconds` at most, then gives up the rest; never rejects.
   * Afterwards events still reach the log and the metrics, and nothing keeps the process alive.
   */
  flush(timeoutSeconds: number): Promise<void>
}

const requestTimeoutSeconds = 5

/** @throws TypeError when the Sentry DSN is none */
export async function createTelemetry(options: TelemetryOptions): Promise<ServiceTelemetry> {
  const { clock } = options
  const log = createLogger({ level: options.logLevel, destination: options.logDestination })
  const delivery = createDelivery(requestTimeoutSeconds)
  const onFailure = createFailureLog(log.logger, clock)
  const metrics = options.metrics ? await createMetrics() : null
  const connections = await connect(options, { clock, delivery, onFailure })

  const sinks = [createPinoSink(log.logger), ...connections.map(({ sink }) => sink)]
  if (metrics) sinks.push(metrics.sink)
  return {
    telemetry: fanOut(sinks, () => onFailure('sink', 'threw')),
    logger: log.logger,
    readMetrics: metrics ? () => metrics.read() : null,
    async flush(timeoutSeconds) {
      await atMost(
        timeoutSeconds,
        closeAll(connections, timeoutSeconds).then(() => log.flush()),
      )
      delivery.abandon()
    },
  }
}

interface World {
  readonly clock: TelemetryOptions['clock']
  readonly delivery: Delivery
  readonly onFailure: OnDeliveryFailure
}

async function connect(options: TelemetryOptions, world: World): Promise<SinkConnection[]> {
  const { sentryDsn, posthogApiKey, posthogHost, environment, release } = options
  const connections: Promise<SinkConnection>[] = []
  if (sentryDsn) connections.push(connectSentry({ dsn: sentryDsn, environment, release, ...world }))
  if (posthogApiKey) connections.push(connectPosthog({ apiKey: posthogApiKey, host: posthogHost, ...world }))
  return Promise.all(connections)
}

/** One line a minute for each sink says that it fails, and how often it did since the last line. */
function createFailureLog(
  logger: Logger,
  clock: TelemetryOptions['clock'],
): (sink: string, detail: string) => void {
  const bound = createRateBound({ clock, limit: 1, windowSeconds: 60 })
  return (sink, detail) => {
    const dropped = bound.take(sink)
    if (dropped !== null) logger.warn({ sink, detail, dropped }, 'telemetry_not_delivered')
  }
}

async function closeAll(connections: readonly SinkConnection[], timeoutSeconds: number): Promise<void> {
  await Promise.allSettled(connections.map((connection) => connection.close(timeoutSeconds)))
}

async function atMost(seconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, seconds * 1000)
  })
  await Promise.race([work, timeout])
  clearTimeout(timer)
}
