import type { Telemetry } from '@perennial/auth/telemetry'

/** A telemetry service that is connected. */
export interface SinkConnection {
  readonly sink: Telemetry
  /** Hands over what is queued, for `timeoutSeconds` at most, and takes no more. */
  close(timeoutSeconds: number): Promise<unknown>
}

/** Told that events could not be delivered; `detail` names a status or an error, never content. */
export type OnDeliveryFailure = (sink: 'sentry' | 'posthog', detail: string) => void

/** What may be said about a failed delivery: the error's code or name, never its message. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return 'failed'
  if ('status' in error && typeof error.status === 'number') return `status_${error.status}`
  // The clients wrap what `fetch` threw, and `fetch` wraps what the socket said.
  if (error.cause instanceof Error) return describeFailure(error.cause)
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
