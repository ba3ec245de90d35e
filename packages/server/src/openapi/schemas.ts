import { statusOf } from '@perennial/auth'
import type { Part, Schema } from './description.js'

const accessToken = {
  type: 'string',
  description:
    'A JWT that expires within one hour. In session mode an RFC 9068 `at+jwt` that the key set verifies.',
}
const refreshToken = {
  type: 'string',
  description:
    'Opaque. Store the newest one. With cookie transport it is in an HttpOnly cookie and never in a body.',
}

const tokenType = {
  const: 'DPoP',
  description:
    'Present if the access token is bound to the key of the session (`DPOP=all`). It is then sent as `Authorization: DPoP`, with a proof.',
}

/** The schemas of all bodies. */
export const schemas: Readonly<Record<string, Schema>> = {
  Error: {
    type: 'object',
    required: ['error', 'code'],
    properties: {
      error: { type: 'string', description: 'For people.' },
      code: { enum: Object.keys(statusOf), description: 'For programs: stable.' },
      retryable: {
        type: 'boolean',
        description: 'True if the same call may succeed later. A client must not sign out then.',
      },
    },
  },
  Discovery: {
    type: 'object',
    required: ['issuer', 'jwks_uri'],
    properties: {
      issuer: { type: 'string', format: 'uri', description: '`iss` of the access tokens.' },
      jwks_uri: { type: 'string', format: 'uri' },
    },
    additionalProperties: true,
  },
  RefreshRequest: {
    type: 'object',
    required: ['refreshToken'],
    properties: { refreshToken: { type: 'string', minLength: 1, maxLength: 4096 } },
  },
  SignOutRequest: {
    type: 'object',
    properties: {
      refreshToken: { type: 'string', minLength: 1, maxLength: 4096, description: 'With body transport.' },
      sid: {
        type: 'string',
        description: 'That of the access token. With cookie transport: end this session and no other.',
      },
    },
  },
  Refreshed: {
    type: 'object',
    required: ['accessToken'],
    properties: {
      accessToken,
      refreshToken: {
        ...refreshToken,
        description: `Present if it was rotated. ${refreshToken.description}`,
      },
      token_type: tokenType,
    },
  },
  SignedIn: {
    type: 'object',
    required: ['accessToken'],
    properties: { accessToken, refreshToken, token_type: tokenType },
  },
  User: {
    type: 'object',
    required: ['userId', 'email', 'roles', 'customFields'],
    properties: {
      userId: { type: 'string', examples: ['mem_abc'] },
      email: {
        type: 'string',
        description: 'Empty for a member without an email address.',
        examples: ['ada@example.com'],
      },
      roles: { type: 'array', items: { type: 'string' }, examples: [['user', 'admin']] },
      customFields: { type: 'object', additionalProperties: true },
    },
  },
  Session: {
    type: 'object',
    required: ['id', 'createdAt', 'lastUsedAt', 'userAgent', 'current'],
    properties: {
      id: { type: 'string' },
      createdAt: { type: 'string', format: 'date-time' },
      lastUsedAt: { type: 'string', format: 'date-time' },
      userAgent: { type: ['string', 'null'], description: 'The user agent that signed in.' },
      current: { type: 'boolean', description: 'True for the session of the access token in the request.' },
    },
  },
  Sessions: {
    type: 'object',
    required: ['sessions'],
    properties: { sessions: { type: 'array', items: { $ref: '#/components/schemas/Session' } } },
  },
  ListedSessions: {
    type: 'object',
    required: ['sessions', 'next'],
    properties: {
      sessions: {
        type: 'array',
        maxItems: 100,
        items: {
          type: 'object',
          required: ['id', 'createdAt', 'lastUsedAt', 'userAgent'],
          properties: {
            id: { type: 'string' },
            createdAt: { type: 'string', format: 'date-time' },
            lastUsedAt: { type: 'string', format: 'date-time' },
            userAgent: { type: ['string', 'null'] },
          },
        },
      },
      next: {
        type: ['string', 'null'],
        description: 'The value of `after` for the next page; null on the last one.',
      },
    },
  },
  EndedSessions: {
    type: 'object',
    required: ['ended'],
    properties: { ended: { type: 'integer', minimum: 0, description: 'The number of sessions that ended.' } },
  },
  Confirmation: {
    type: 'object',
    required: ['confirm'],
    properties: { confirm: { const: 'all' } },
  },
  KeySet: {
    type: 'object',
    required: ['keys'],
    properties: { keys: { type: 'array', items: { type: 'object', required: ['kty', 'kid'] } } },
  },
}

/** The ways to send a token. A token in a URL is never read. */
export const securitySchemes: Readonly<Record<string, Part>> = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'The token in `Authorization: Bearer`.',
  },
  dpop: {
    type: 'http',
    scheme: 'dpop',
    description:
      'A bound access token in `Authorization: DPoP` (`DPOP=all`). The header `DPoP` is a proof (RFC 9449) with `ath`, new for each request.',
  },
  adminKey: {
    type: 'http',
    scheme: 'bearer',
    description: 'A key of `PERENNIAL_ADMIN_KEY` in `Authorization: Bearer`.',
  },
  memberstackToken: {
    type: 'apiKey',
    in: 'header',
    name: 'x-memberstack-token',
    description: 'The same token, if `Authorization` is in use for something else.',
  },
  refreshCookie: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-perennial',
    description:
      'Cookie transport: the refresh token. Every POST and DELETE then needs `X-CSRF: 1` and an allowed `Origin`.',
  },
}
