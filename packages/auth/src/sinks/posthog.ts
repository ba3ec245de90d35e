import type { AuthEvent, Telemetry } from '../telemetry/index.js'

/** The part of `posthog-node` that the sink uses. */
export interface PosthogLikeClient {
  capture(message: PosthogMessage): void
  /** Runs a function outside of the context of the request under way. Versions before 5 do not have it. */
  withContext?<Result>(
    data: Record<string, never>,
    run: () => Result,
    options: { readonly fresh: true },
  ): Result
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
 * `timestamp`. The properties that PostHog's request context would add (URL, address, user agent) are left out. The queue is
 * the client's: give it a `maxQueueSize`.
 */
export function createPosthogSink(client: PosthogLikeClient): Telemetry {
  return {
    emit(event) {
      const capture = () => client.capture(asMessage(event))
      if (client.withContext) client.withContext({}, capture, { fresh: true })
      else capture()
    },
    observeUpstream() {},
  }
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
