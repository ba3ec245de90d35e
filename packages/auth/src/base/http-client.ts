/** One outgoing request. Headers are named in lower case. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** The longest the whole exchange may take, in seconds. */
  readonly timeoutSeconds: number
  /** More bytes than this in the answer's body is a failure. @defaultValue 1 MiB */
  readonly maxBodyBytes?: number
}

/** The whole answer; redirects are answers too, never followed. Header names are lower case. */
export interface HttpResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * The only way this library reaches the network.
 * @throws {@link HttpFailure} when no whole answer came.
 */
export type HttpClient = (request: HttpRequest) => Promise<HttpResponse>

/** No whole answer came. `sent: false` means the request never left, so that repeating it is safe. */
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
