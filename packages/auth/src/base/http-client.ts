/** One outgoing request. Header names are in lower case. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** The longest the whole exchange may take, in seconds. */
  readonly timeoutSeconds: number
  /** The largest body that is accepted, in bytes, before and after it is decoded. @defaultValue 1 MiB */
  readonly maxBodyBytes?: number
}

/**
 * A whole answer. A redirect is an answer too and is not followed. Header names are in lower case; the headers are
 * those of the wire, the body is decoded.
 */
export interface HttpResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * Sends one request. This is the only way the library reaches the network.
 * @throws {@link HttpFailure} if no whole answer came
 */
export type HttpClient = (request: HttpRequest) => Promise<HttpResponse>

/** No whole answer came. `sent: false` means that nothing of the request was written, so that it may be repeated. */
export class HttpFailure extends Error {
  override readonly name = 'HttpFailure'
  readonly kind: 'timeout' | 'connect' | 'reset' | 'too-large'
  readonly sent: boolean

  constructor(kind: HttpFailure['kind'], sent: boolean, options?: ErrorOptions) {
    super(`no answer (${kind})`, options)
    this.kind = kind
    this.sent = sent
  }
}
