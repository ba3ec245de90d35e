import { AuthError, type AuthErrorCode, type AuthErrorOptions } from './errors.js'

/** A row of the table: the code, the message for people, and what else all failures of this name have. */
type Failure = readonly [code: AuthErrorCode, message: string, options?: AuthErrorOptions]

/** Part of every `AUTH_UNAVAILABLE`: the same call may succeed a second later. */
const unavailable: AuthErrorOptions = { retryable: true, retryAfterSeconds: 1 }

/** Every failure of this library, in one table. A message never contains a token, a key or the reason of a refusal. */
const failures = {
  refreshTokenMissing: [
    'AUTH_TOKEN_MISSING',
    'The request contains no usable refresh token.',
    { status: 400, reason: 'missing' },
  ],
  accessTokenMissing: [
    'AUTH_TOKEN_MISSING',
    'The request contains no usable access token.',
    { reason: 'missing' },
  ],
  memberTokenMissing: [
    'AUTH_TOKEN_MISSING',
    'The request contains no usable member token.',
    { reason: 'missing' },
  ],
  notAuthenticated: [
    'AUTH_TOKEN_MISSING',
    'The request was not authenticated: put authenticate() before requireRoles().',
    { reason: 'missing' },
  ],

  adminKeyMissing: ['AUTH_TOKEN_MISSING', 'The request contains no admin key.', { reason: 'missing' }],
  adminKeyInvalid: ['AUTH_TOKEN_INVALID', 'The admin key is not valid.', { reason: 'admin_key' }],

  accessTokenInvalid: ['AUTH_TOKEN_INVALID', 'The access token is not valid.'],
  accessTokenWithoutSession: [
    'AUTH_TOKEN_INVALID',
    'The access token belongs to no session.',
    { reason: 'claims' },
  ],
  memberTokenInvalid: ['AUTH_TOKEN_INVALID', 'The member token is not valid.'],
  accessTokenExpired: ['AUTH_TOKEN_EXPIRED', 'The access token has expired.', { reason: 'expired' }],
  accessTokenOutdated: [
    'AUTH_TOKEN_EXPIRED',
    'The access token has expired: the roles or plans of its member have changed.',
    { reason: 'member_changed' },
  ],
  memberTokenExpired: [
    'AUTH_TOKEN_EXPIRED',
    'The member token has expired. Sign in again.',
    { reason: 'expired' },
  ],
  sessionEnded: ['AUTH_TOKEN_REVOKED', 'The session has ended. Sign in again.', { reason: 'revoked' }],
  signInRevoked: [
    'AUTH_TOKEN_REVOKED',
    'The sessions of this member have been ended since this sign-in. Sign in again.',
    { reason: 'revoked' },
  ],

  refreshRefused: [
    'AUTH_TOKEN_REFRESH_FAILED',
    'The refresh token was refused. Sign in again.',
    { retryable: false },
  ],
  refreshUnavailable: [
    'AUTH_TOKEN_REFRESH_FAILED',
    'The refresh could not be completed. Try again later.',
    { retryable: true, retryAfterSeconds: 1 },
  ],

  proofInvalid: [
    'AUTH_PROOF_INVALID',
    'The request needs a valid DPoP proof by the key of its session.',
    { headers: { 'www-authenticate': 'DPoP error="invalid_dpop_proof"' } },
  ],
  deviceProofInvalid: [
    'AUTH_PROOF_INVALID',
    'The request needs a valid proof by the key that the browser has registered.',
    { headers: { 'www-authenticate': 'DPoP error="invalid_dpop_proof"' } },
  ],
  proofSkipped: [
    'AUTH_UNAVAILABLE',
    'The browser could not prove its key at the moment. Try again later.',
    { reason: 'skipped' },
  ],
  accessProofInvalid: [
    'AUTH_PROOF_INVALID',
    'The access token needs a valid DPoP proof by the key that it is bound to.',
    { headers: { 'www-authenticate': 'DPoP algs="ES256", error="invalid_dpop_proof"' } },
  ],
  accessTokenUnproven: [
    'AUTH_PROOF_INVALID',
    'The access token is bound to a key. It has to be sent as Authorization: DPoP, with a proof.',
    { reason: 'missing', headers: { 'www-authenticate': 'DPoP algs="ES256", error="invalid_token"' } },
  ],
  accessTokenUnbound: [
    'AUTH_TOKEN_INVALID',
    'The access token is bound to no key. It has to be sent as Authorization: Bearer.',
    { reason: 'key', headers: { 'www-authenticate': 'DPoP algs="ES256", error="invalid_token"' } },
  ],

  memberUnknown: ['AUTH_USER_CONTEXT_INVALID', 'There is no such member.', { reason: 'member_deleted' }],
  userContextUnknown: ['AUTH_USER_CONTEXT_INVALID', 'The member of this token could not be determined.'],
  planMissing: [
    'AUTH_ROLE_INSUFFICIENT',
    'This member has none of the required plans.',
    { reason: 'plan_lost' },
  ],
  roleMissing: ['AUTH_ROLE_INSUFFICIENT', 'The member does not have the required role.', { reason: 'role' }],
  originDenied: [
    'AUTH_ORIGIN_DENIED',
    'The request needs the header X-CSRF: 1 and an allowed Origin.',
    { reason: 'origin' },
  ],

  addressLimited: [
    'AUTH_RATE_LIMITED',
    'Too many requests from this address. Try again later.',
    { retryable: true, reason: 'ip' },
  ],
  refusalsLimited: [
    'AUTH_RATE_LIMITED',
    'Too many refused requests from this address. Try again later.',
    { retryable: true, reason: 'ip_refused' },
  ],
  sessionLimited: [
    'AUTH_RATE_LIMITED',
    'Too many refreshes of this session. Try again later.',
    { retryable: true, reason: 'session' },
  ],

  requestInvalid: ['AUTH_REQUEST_INVALID', 'The request is not valid.', { reason: 'request' }],
  requestTooLarge: [
    'AUTH_REQUEST_TOO_LARGE',
    'The body of the request is too large.',
    { reason: 'too_large' },
  ],
  notFound: ['AUTH_NOT_FOUND', 'There is nothing at this address.', { reason: 'not_found' }],
  noSessionsHere: ['AUTH_NOT_FOUND', 'Forward mode keeps no sessions.', { reason: 'not_found' }],
  sessionNotFound: ['AUTH_NOT_FOUND', 'There is no such session.', { reason: 'not_found' }],
  methodNotAllowed: [
    'AUTH_METHOD_NOT_ALLOWED',
    'This address does not support the method of the request.',
    { reason: 'method' },
  ],
  webhookInvalid: ['AUTH_WEBHOOK_INVALID', 'The webhook is not signed for this service, or cannot be read.'],
  webhookParsed: [
    'AUTH_WEBHOOK_INVALID',
    'A body parser ran before the webhook. Mount the webhook before all body parsers.',
    { reason: 'parsed' },
  ],

  storeClosed: ['AUTH_UNAVAILABLE', 'The store is closed.', { reason: 'store' }],
  storeUnreadable: ['AUTH_UNAVAILABLE', 'The store cannot be read.', { reason: 'store' }],
  storeUnwritable: ['AUTH_UNAVAILABLE', 'The store cannot be written.', { reason: 'store' }],
  storeUnreachable: ['AUTH_UNAVAILABLE', 'The store does not answer as it should.', { reason: 'store' }],
  storeForeign: [
    'AUTH_UNAVAILABLE',
    'The store belongs to another app or another secret.',
    { reason: 'store' },
  ],
  sessionContended: [
    'AUTH_UNAVAILABLE',
    'The session is refreshed by too many callers at once.',
    { reason: 'contended' },
  ],
  epochContended: [
    'AUTH_UNAVAILABLE',
    'All sessions are being ended. Try again later.',
    { reason: 'contended' },
  ],
  pageMemberUnknown: [
    'AUTH_UNAVAILABLE',
    'It is not known at the moment who the visitor of this page is. Try again later.',
  ],
  revocationsUnknown: [
    'AUTH_UNAVAILABLE',
    'The list of ended sessions has not been read yet. Try again later.',
    { reason: 'store' },
  ],
  keySetUnread: ['AUTH_UNAVAILABLE', 'The key set cannot be read at the moment.', { reason: 'unread' }],
  signingKeysUnread: [
    'AUTH_UNAVAILABLE',
    'The signing keys cannot be read at the moment.',
    { reason: 'unread' },
  ],
  signingKeyMissing: [
    'AUTH_UNAVAILABLE',
    'There is no key to sign with at the moment.',
    { reason: 'signing_keys' },
  ],
  accessTokenTooLate: [
    'AUTH_UNAVAILABLE',
    'The answer took too long: its access token would have expired. Try again.',
    { reason: 'too_late' },
  ],
  claimsUnavailable: [
    'AUTH_UNAVAILABLE',
    'The claims of the member cannot be determined. Try again later.',
    { reason: 'claims_refused' },
  ],
  memberstackUnavailable: [
    'AUTH_UNAVAILABLE',
    'Memberstack does not answer. Try again later.',
    { reason: 'admin' },
  ],

  accessTokenTooLong: ['AUTH_INTERNAL_ERROR', 'The access token would be too long.', { reason: 'internal' }],
  bodyAlreadyRead: [
    'AUTH_INTERNAL_ERROR',
    'The body of the request was read before the handler got it. Pass the request on unread, or a clone of it.',
    { reason: 'internal' },
  ],
  internal: ['AUTH_INTERNAL_ERROR', 'Something went wrong in the service.', { reason: 'internal' }],
} as const

/** The name of a row of the table. */
export type FailureName = keyof typeof failures

/** Additions of one failure to its row of the table, or replacements. */
export interface FailureOptions extends AuthErrorOptions {
  /** More for people, put behind the message. */
  readonly detail?: string | undefined
}

/** Creates the error of a failure in the table. */
export function failure(name: FailureName, { detail, ...options }: FailureOptions = {}): AuthError {
  const [code, message, fixed]: Failure = failures[name]
  const text = detail === undefined ? message : `${message.replace(/\.$/, '')}: ${detail}.`
  const shared = code === 'AUTH_UNAVAILABLE' ? unavailable : {}
  return new AuthError(code, text, { ...shared, ...fixed, ...options })
}
