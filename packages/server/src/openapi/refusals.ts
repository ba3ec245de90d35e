import { statusOf, type AuthErrorCode } from '@perennial/auth'
import type { Part, ResponseDescription } from './description.js'

/** An error code of an operation and its condition. `statuses` is set if it differs from the code's usual status. */
export interface Refusal {
  readonly code: AuthErrorCode
  readonly when: string
  readonly statuses?: readonly number[]
}

const aHeader = (description: string, type = 'string'): Part => ({ description, schema: { type } })

const retryAfter = { 'Retry-After': aHeader('Seconds to wait before the next attempt.', 'integer') }

const headersOf: Readonly<Record<number, Readonly<Record<string, Part>>>> = {
  401: {
    'WWW-Authenticate': aHeader(
      '`Bearer`, with `error="invalid_token"` if the request had a token (RFC 6750); `DPoP` for what concerns proofs (RFC 9449).',
    ),
  },
  405: { Allow: aHeader('The methods that this path supports.') },
  429: {
    ...retryAfter,
    RateLimit: aHeader('The remaining quota (IETF draft 8).'),
    'RateLimit-Policy': aHeader('The quota (IETF draft 8).'),
  },
  502: retryAfter,
  503: retryAfter,
}

/** The errors of every route below `/v1/auth`. */
export const refusalsOfAll: readonly Refusal[] = [
  { code: 'AUTH_ORIGIN_DENIED', when: 'cookie transport: no `X-CSRF: 1`, or an origin that is not allowed' },
  { code: 'AUTH_METHOD_NOT_ALLOWED', when: 'another method' },
  { code: 'AUTH_REQUEST_TOO_LARGE', when: 'the body is over 16 KiB' },
  { code: 'AUTH_RATE_LIMITED', when: 'too many requests; the same call may succeed later' },
  { code: 'AUTH_INTERNAL_ERROR', when: 'an error in the service' },
]

/** The errors of every route that needs an access token. */
export const refusalsOfAccessToken: readonly Refusal[] = [
  { code: 'AUTH_TOKEN_MISSING', when: 'no usable access token in the request' },
  { code: 'AUTH_TOKEN_INVALID', when: 'the access token was not issued by this service' },
  {
    code: 'AUTH_TOKEN_EXPIRED',
    when: 'the access token has expired, or a webhook has reported other roles or plans since: refresh',
  },
  { code: 'AUTH_TOKEN_REVOKED', when: 'its session has ended: sign in again' },
  {
    code: 'AUTH_PROOF_INVALID',
    when: 'the access token is bound to a key (`DPOP=all`), and the request has no valid DPoP proof by it',
  },
  { code: 'AUTH_UNAVAILABLE', when: 'a dependency is unavailable; the same call may succeed later' },
]

/** Returns the error responses of an operation, one per status. */
export function describeRefusals(refusals: readonly Refusal[]): Record<string, ResponseDescription> {
  const byStatus = new Map<number, Refusal[]>()
  for (const refusal of refusals)
    for (const status of refusal.statuses ?? [statusOf[refusal.code]])
      byStatus.set(status, [...(byStatus.get(status) ?? []), refusal])
  return Object.fromEntries(
    [...byStatus].map(([status, refusals]) => [String(status), describeStatus(status, refusals)]),
  )
}

function describeStatus(status: number, refusals: readonly Refusal[]): ResponseDescription {
  const headers = headersOf[status]
  return {
    description: refusals.map(({ code, when }) => `\`${code}\`: ${when}.`).join('\n\n'),
    ...(headers ? { headers } : {}),
    content: {
      'application/json': {
        schema: {
          allOf: [
            { $ref: '#/components/schemas/Error' },
            { properties: { code: { enum: refusals.map(({ code }) => code) } } },
          ],
        },
      },
    },
  }
}
