/** The only error class of the client. It never contains a token. */
export class PerennialError extends Error {
  override readonly name = 'PerennialError'
  /** The service's code, `CLIENT_NETWORK`, `CLIENT_TIMEOUT`, `CLIENT_NO_MEMBER` or `CLIENT_MEMBER_CHANGED`. */
  declare code: string
  /** The HTTP status of the answer; 0 if the service did not answer. */
  declare status: number
  /** True if the same call may succeed later. */
  declare retryable: boolean
  /** The `Retry-After` of the answer, in seconds. */
  declare retryAfterSeconds?: number | undefined

  constructor(code: string, status = 0, retryable = false, retryAfterSeconds?: number) {
    super(code)
    this.code = code
    this.status = status
    this.retryable = retryable
    this.retryAfterSeconds = retryAfterSeconds
  }
}
