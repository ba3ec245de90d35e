import { createSentrySink } from '@perennial/auth/telemetry'
import type { createTransport as CreateTransport, ErrorEvent, NodeClient } from '@sentry/node'
import { describeFailure, type Delivery, type DeliveryReports, type SinkConnection } from './delivery.js'

/** Options of {@link connectSentry}. */
export interface SentryOptions extends DeliveryReports {
  readonly dsn: string
  readonly environment: string
  readonly release?: string | undefined
  readonly clock: (() => number) | undefined
  readonly delivery: Delivery
}

type TransportFactory = ConstructorParameters<typeof NodeClient>[0]['transport']

const dsnForm = /^https?:\/\/\w+@(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?\/(?:.+\/)?\d+$/i

/** The most envelopes under way at once; more are dropped. */
const mostUnderWay = 64

/**
 * Connects to Sentry with a client of its own, without global hub, integrations, instrumentation or breadcrumbs, so that
 * only our events are collected. The SDK is loaded only here: it takes longer than the rest of the start.
 * @throws TypeError if the DSN is not valid
 */
export async function connectSentry(options: SentryOptions): Promise<SinkConnection> {
  // Given a bad DSN, the SDK would only print it to the console.
  if (!dsnForm.test(options.dsn)) {
    throw new TypeError('SENTRY_DSN is not a DSN, e.g. https://key@o1.ingest.sentry.io/2')
  }
  const sentry = await import('@sentry/node')
  const client = new sentry.NodeClient({
    dsn: options.dsn,
    environment: options.environment,
    ...(options.release === undefined ? {} : { release: options.release }),
    transport: createTransportFactory(sentry.createTransport, options),
    transportOptions: { bufferSize: mostUnderWay },
    stackParser: sentry.defaultStackParser,
    beforeSend: ownPart,
    integrations: [],
    includeServerName: false,
    sendClientReports: false,
    maxBreadcrumbs: 0,
    traceLifecycle: 'static',
    enableRuntimeChannelInjection: false,
  })
  const scope = new sentry.Scope()
  scope.setClient(client)
  return {
    sink: createSentrySink({ client: scope, clock: options.clock }),
    close: async (timeoutSeconds) => client.close(timeoutSeconds * 1000),
  }
}

// The SDK's own transport has no timeout: 64 requests without an answer would silence it until a restart.
function createTransportFactory(
  createTransport: typeof CreateTransport,
  { delivery, onFailure, onDelivered }: SentryOptions,
): TransportFactory {
  return (transport) =>
    createTransport(transport, async ({ body }) => {
      try {
        // An envelope is text unless it has attachments; ours have none.
        const text = typeof body === 'string' ? body : new TextDecoder().decode(body)
        const response = await delivery.send(transport.url, { headers: transport.headers, body: text })
        await response.body?.cancel()
        if (response.ok) onDelivered('sentry')
        else onFailure('sentry', `status_${response.status}`)
        return {
          statusCode: response.status,
          headers: {
            'retry-after': response.headers.get('retry-after'),
            'x-sentry-rate-limits': response.headers.get('x-sentry-rate-limits'),
          },
        }
      } catch (error) {
        onFailure('sentry', describeFailure(error))
        throw error
      }
    })
}

/** Keeps the listed fields of an event and drops everything else that any version of the SDK adds. */
function ownPart(event: ErrorEvent): ErrorEvent {
  const { type, event_id, timestamp, platform, level, exception, fingerprint, extra, tags } = event
  const { environment, release } = event
  const own = {
    event_id,
    timestamp,
    platform,
    level,
    exception,
    fingerprint,
    extra,
    tags,
    environment,
    release,
  }
  const present = Object.entries(own).filter(([, value]) => value !== undefined)
  return { type, ...Object.fromEntries(present) }
}
