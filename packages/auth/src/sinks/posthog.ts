import type { AuthEvent, Telemetry } from '../telemetry/index.js'
import { createFailureBound, type FailureBoundOptions } from './failure-bound.js'

/** The part of `posthog-node` that the sink uses. */
export interface PosthogLikeClient {
  capture(message: PosthogMessage): void
  /** Sends what is queued. */
  flush?(): Promise<unknown>
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
  readonly properties: Record<string, string | number | null>
  readonly timestamp: Date
}

/** The `distinctId` of events that concern no member. */
export const systemDistinctId = 'system'

const defaultPerCodePerMinute = 20

/**
 * Sends events to PostHog, under the member's id or `system`, with the properties `code`, `error`, `requestId` and
 * `timestamp`. Of the failures of one code no more than `perCodePerMinute` (default 20) go out; the number dropped since is
 * in the next one's property `dropped`. The properties that PostHog's request context would add (URL, address, user agent)
 * are left out. The queue is the client's: give it a `maxQueueSize`.
 */
export function createPosthogSink(client: PosthogLikeClient, options: FailureBoundOptions = {}): Telemetry {
  const { clock, perCodePerMinute = defaultPerCodePerMinute } = options
  const bound = createFailureBound({ clock, perCodePerMinute })
  return {
    emit(event) {
      const dropped = bound(event)
      if (dropped === null) return
      const capture = () => client.capture(asMessage(event, dropped))
      if (client.withContext) client.withContext({}, capture, { fresh: true })
      else capture()
    },
    observeUpstream() {},
    flush: async () => await client.flush?.(),
  }
}

function asMessage(event: AuthEvent, dropped: number): PosthogMessage {
  return {
    distinctId: event.memberId ?? systemDistinctId,
    event: event.event,
    properties: {
      code: event.code ?? null,
      error: event.error ?? null,
      requestId: event.requestId,
      timestamp: event.timestamp,
      ...(dropped > 0 ? { dropped } : {}),
    },
    timestamp: new Date(event.timestamp),
  }
}
