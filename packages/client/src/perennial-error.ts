/** The one error that leaves the client. It never holds a token. */
export class PerennialError extends Error {
  override readonly name = 'PerennialError'
  /** The service's code, or `CLIENT_NETWORK`, `CLIENT_TIMEOUT` (no answer of the service) or `CLIENT_NO_MEMBER`. */
  declare code: string
  /** The HTTP status the code came with; 0 where there was no answer of the service. */
  declare status: number
  /** Whether the same call may succeed later. */
  declare retryable: boolean
  /** What the answer's `Retry-After` asked for, in seconds. */
  declare retryAfterSeconds?: number | undefined

  constructor(code: string, status = 0, retryable = false, retryAfterSeconds?: number) {
    super(code)
    this.code = code
    this.status = status
    this.retryable = retryable
    this.retryAfterSeconds = retryAfterSeconds
  }
}
