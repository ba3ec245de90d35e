import type { Reason } from './reasons.js'

/** Every code that a caller may see, with its HTTP status. A failure whose status differs carries its own. */
export const statusOf = {
  AUTH_TOKEN_MISSING: 401,
  AUTH_TOKEN_INVALID: 401,
  AUTH_TOKEN_EXPIRED: 401,
  AUTH_TOKEN_REVOKED: 401,
  AUTH_TOKEN_REFRESH_FAILED: 401,
  AUTH_PROOF_INVALID: 401,
  AUTH_USER_CONTEXT_INVALID: 401,
  AUTH_UNAVAILABLE: 503,
  AUTH_ROLE_INSUFFICIENT: 403,
  AUTH_ORIGIN_DENIED: 403,
  AUTH_RATE_LIMITED: 429,
  AUTH_REQUEST_INVALID: 400,
  AUTH_REQUEST_TOO_LARGE: 413,
  AUTH_NOT_FOUND: 404,
  AUTH_METHOD_NOT_ALLOWED: 405,
  AUTH_WEBHOOK_INVALID: 400,
  AUTH_INTERNAL_ERROR: 500,
} as const

/** The stable, machine-readable name of a failure. */
export type AuthErrorCode = keyof typeof statusOf

/** Options of an {@link AuthError}. */
export interface AuthErrorOptions extends ErrorOptions {
  /** For codes with more than one status: `AUTH_TOKEN_MISSING`, `AUTH_TOKEN_REFRESH_FAILED`. */
  readonly status?: number | undefined
  /** True if the same call may succeed later. Part of the answer only where it is set. */
  readonly retryable?: boolean | undefined
  /** Answered as `Retry-After`, in seconds. */
  readonly retryAfterSeconds?: number | undefined
  /** More headers of the answer, e.g. `Allow` or the RateLimit headers. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** The reason, for logs and metrics only: never part of the answer. */
  readonly reason?: Reason | undefined
  /** The member and session concerned, for logs only: never part of the answer. */
  readonly subject?: FailureSubject | undefined
}

/** The member and session that a failure concerns, where they are known. */
export interface FailureSubject {
  readonly memberId?: string
  readonly sessionId?: string
}

/** The one error that leaves this library: a stable `code`, an HTTP status, and never a token or a key. */
export class AuthError extends Error {
  override readonly name = 'AuthError'
  readonly code: AuthErrorCode
  readonly status: number
  readonly retryable: boolean | undefined
  readonly retryAfterSeconds: number | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly reason: Reason | undefined
  readonly subject: FailureSubject

  constructor(code: AuthErrorCode, message: string, options: AuthErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = options.status ?? statusOf[code]
    this.retryable = options.retryable
    this.retryAfterSeconds = options.retryAfterSeconds
    this.headers = options.headers ?? {}
    this.reason = options.reason
    this.subject = options.subject ?? {}
  }
}
