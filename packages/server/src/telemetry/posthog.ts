import { createPosthogSink, systemDistinctId } from '@perennial/auth/telemetry'
import type { EventMessage, PostHogOptions } from 'posthog-node'
import { describeFailure, type Delivery, type DeliveryReports, type SinkConnection } from './delivery.js'

/** Options of {@link connectPosthog}. */
export interface PosthogConnectionOptions extends DeliveryReports {
  readonly apiKey: string
  /** @defaultValue the client's own, PostHog's cloud in the United States */
  readonly host?: string | undefined
  readonly clock?: (() => number) | undefined
  readonly delivery: Delivery
}

/** Connects to PostHog; its client is loaded only here. At most 1,000 events wait; then the oldest are dropped. */
export async function connectPosthog(options: PosthogConnectionOptions): Promise<SinkConnection> {
  const { PostHog } = await import('posthog-node')
  const { onFailure } = options

  /** Catches failures of automatic flushes, which the client would print to the console with their stack. */
  class QuietPostHog extends PostHog {
    protected override async flushAutomatic(): Promise<void> {
      try {
        await super.flushAutomatic()
      } catch (error) {
        onFailure('posthog', describeFailure(error))
      }
    }
  }

  const client = new QuietPostHog(options.apiKey, clientOptions(options))
  return {
    sink: createPosthogSink(client, { clock: options.clock }),
    async close() {
      try {
        await client.flush()
      } catch (error) {
        onFailure('posthog', describeFailure(error))
      }
    },
  }
}

function clientOptions({ host, delivery, onDelivered }: PosthogConnectionOptions): PostHogOptions {
  return {
    ...(host === undefined ? {} : { host }),
    maxQueueSize: 1_000,
    maxBatchSize: 100,
    flushAt: 20,
    flushInterval: 5_000,
    fetchRetryCount: 2,
    fetchRetryDelay: 1_000,
    requestTimeout: 5_000,
    disableGeoip: true,
    enableExceptionAutocapture: false,
    enableLocalEvaluation: false,
    before_send: withoutSystemProfile,
    async fetch(url, request) {
      const response = await delivery.send(url, request)
      if (response.ok) onDelivered('posthog')
      return response
    },
  }
}

/** `system` is not a member: without this, PostHog would create a person of that name. */
function withoutSystemProfile(message: EventMessage | null): EventMessage | null {
  if (message?.distinctId !== systemDistinctId) return message
  return { ...message, properties: { ...message.properties, $process_person_profile: false } }
}
