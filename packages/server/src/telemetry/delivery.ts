/** One request to a telemetry service. */
export interface DeliveryRequest {
  readonly method?: string | undefined
  readonly headers?: Record<string, string> | undefined
  readonly body?: string | (Uint8Array & { buffer: ArrayBuffer }) | Blob | undefined
}

/** How events leave the house: with a time limit, so that a service that hangs holds nothing for long. */
export interface Delivery {
  /** @throws whatever `fetch` throws, also when the time limit is over */
  send(url: string, request: DeliveryRequest): Promise<Response>
  /** Ends what is under way. From then on nothing is sent, and every call is answered 200, which ends all retries. */
  abandon(): void
}

/** @param timeoutSeconds - for one request and its answer */
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
  }
}
