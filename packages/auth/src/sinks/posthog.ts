import type { AuthEvent, Telemetry } from '../telemetry/index.js'

/** The part of `posthog-node` that the sink uses. */
export interface PosthogLikeClient {
  capture(message: PosthogMessage): void
}

/** One event as PostHog takes it. */
export interface PosthogMessage {
  readonly distinctId: string
  readonly event: string
  readonly properties: Record<string, string | null>
  readonly timestamp: Date
}

/** The `distinctId` of events that concern no member. */
export const systemDistinctId = 'system'

/**
 * Sends every event to PostHog, under the member's id or `system`, with the properties `code`, `error`, `requestId` and
 * `timestamp`. The queue is the client's: give it a `maxQueueSize`.
 */
export function createPosthogSink(client: PosthogLikeClient): Telemetry {
  return { emit: (event) => client.capture(asMessage(event)), observeUpstream() {} }
}

function asMessage(event: AuthEvent): PosthogMessage {
  return {
    distinctId: event.memberId ?? systemDistinctId,
    event: event.event,
    properties: {
      code: event.code ?? null,
      error: event.error ?? null,
      requestId: event.requestId,
      timestamp: event.timestamp,
    },
    timestamp: new Date(event.timestamp),
  }
}
