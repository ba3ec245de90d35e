/**
 * A "no" as Memberstack says it: both SDKs reject with the `{code, message}` of the body. Codes are those of
 * `@memberstack/dom`'s `ErrorCodes` where it has one.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly statusCode: number
  readonly code: string

  constructor(statusCode: number, code: string, message: string) {
    super(message)
    this.statusCode = statusCode
    this.code = code
  }
}

/** The catch-all code of Memberstack: what a wrong value, or an id that nobody has, is answered with. */
export const badRequest = (message: string): ApiError => new ApiError(400, 'generic-message', message)
