/**
 * The usual status and message of every error. The codes are those of `@memberstack/dom`'s `ErrorCodes` where it has one,
 * otherwise those of the documentation of the admin API; `request-too-large` and `emulator-bug` are our own.
 */
const errorTable = {
  'access-denied': { status: 403, message: 'The test routes answer callers on this machine only.' },
  'already-have-plan': { status: 400, message: 'This member already has this plan.' },
  'app-not-found': { status: 400, message: 'Application not found. Check your public key.' },
  'can-only-have-one-active-team': { status: 400, message: 'A member can only belong to one active team.' },
  'cannot-change-team-account': { status: 400, message: 'The owner cannot leave the team.' },
  'email-already-in-use': { status: 400, message: 'An account with this email already exists.' },
  'emulator-bug': { status: 500, message: 'The emulator failed.' },
  'generic-message': { status: 400, message: 'The request is invalid.' },
  'invalid-credentials': {
    status: 400,
    message: 'Invalid email or password. Please check your credentials and try again.',
  },
  'invalid-email': { status: 400, message: 'The email address format is invalid.' },
  'invalid-password': { status: 400, message: 'The password is incorrect.' },
  'invalid-password-too-short': { status: 400, message: 'Password must be at least 8 characters.' },
  'invalid-refresh-token': {
    status: 401,
    message: 'The refresh token is invalid or was already used.',
  },
  INVALID_TOKEN: { status: 400, message: 'Invalid token' },
  'login-required': {
    status: 401,
    message: 'Authentication required. Please log in to access this resource.',
  },
  'member-not-found': { status: 404, message: 'No member found with this identifier.' },
  'no-plan-found': { status: 400, message: 'The member does not have this plan.' },
  'not-found': { status: 404, message: 'The emulator does not have this route.' },
  'plan-not-found': { status: 400, message: 'The specified plan does not exist.' },
  'plan-not-free': { status: 400, message: 'This plan requires payment information.' },
  'request-too-large': { status: 413, message: 'The body is too large.' },
  'required-field-missing': { status: 400, message: 'A required field is missing.' },
  'team-full': { status: 400, message: 'This team has reached its seat limit.' },
  'too-many-requests': { status: 429, message: 'Too many requests.' },
  'unsupported-content-type': {
    status: 415,
    message: 'Send JSON, with content-type application/json.',
  },
  'validation/invalid-secret-key': { status: 401, message: 'The provided secret key is invalid.' },
} as const

/** The code of an error. */
export type ApiErrorCode = keyof typeof errorTable

/** A refusal in the form of Memberstack: both SDKs reject with the `{code, message}` of the response body. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly statusCode: number
  readonly code: string

  constructor(
    code: ApiErrorCode,
    { status, message }: { readonly status?: number; readonly message?: string } = {},
  ) {
    super(message ?? errorTable[code].message)
    this.statusCode = status ?? errorTable[code].status
    this.code = code
  }
}

/** Creates the general error of Memberstack, used for a wrong value and for an unknown id. */
export const badRequest = (message: string): ApiError => new ApiError('generic-message', { message })
