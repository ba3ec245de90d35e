import type { Telemetry } from '@perennial/auth/telemetry'

/** A connected telemetry service. */
export interface SinkConnection {
  readonly sink: Telemetry
  /** Sends what is queued, for at most `timeoutSeconds`, and accepts no more events. */
  close(timeoutSeconds: number): Promise<unknown>
}

/** A service that telemetry is delivered to. */
export type DeliverySink = 'sentry' | 'posthog' | 'otlp'

/** Reports that events could not be delivered; `detail` is a status or the name of an error, never content. */
export type OnDeliveryFailure = (sink: DeliverySink, detail: string) => void

/** Reports that events were delivered. */
export type OnDelivered = (sink: DeliverySink) => void

/** Reports of deliveries. */
export interface DeliveryReports {
  readonly onFailure: OnDeliveryFailure
  readonly onDelivered: OnDelivered
}

/** Returns the code or name of a delivery error, never its message, which may hold content. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return 'failed'
  if ('status' in error && typeof error.status === 'number') return `status_${error.status}`
  // The clients wrap the error of `fetch`, and `fetch` wraps the error of the socket.
  if (error.cause instanceof Error) return describeFailure(error.cause)
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

/** One request to a telemetry service. */
export interface DeliveryRequest {
  readonly method?: string | undefined
  readonly headers?: Record<string, string> | undefined
  readonly body?: string | (Uint8Array & { buffer: ArrayBuffer }) | Blob | undefined
}

/** Sends events to telemetry services, with a time limit on every request. */
export interface Delivery {
  /** @throws the error of `fetch`, also when the time limit has passed */
  send(url: string, request: DeliveryRequest): Promise<Response>
  /** Aborts the requests under way. After that nothing is sent, and every call resolves with 200, which ends all retries. */
  abandon(): void
  readonly isAbandoned: () => boolean
}

/** @param timeoutSeconds - the limit for one request and its response */
export function createDelivery(timeoutSeconds: number): Delivery {
  const abandoned = new AbortController()
  const nothing = () => new Response(null, { status: 200 })

  return {
    async send(url, request) {
      if (abandoned.signal.aborted) return nothing()
      const signal = AbortSignal.any([abandoned.signal, AbortSignal.timeout(timeoutSeconds * 1000)])
      const { method = 'POST', headers = {}, body = null } = request
      try {
        return await fetch(url, { method, headers, body, signal, redirect: 'manual' })
      } catch (error) {
        if (abandoned.signal.aborted) return nothing()
        throw error
      }
    },
    abandon: () => abandoned.abort(),
    isAbandoned: () => abandoned.signal.aborted,
  }
}
