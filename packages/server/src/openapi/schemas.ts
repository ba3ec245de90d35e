import { statusOf } from '@perennial/auth'
import type { Part, Schema } from './description.js'

const accessToken = {
  type: 'string',
  description:
    'A JWT that lives one hour at most. In session mode an RFC 9068 `at+jwt`, verifiable with the key set.',
}
const refreshToken = {
  type: 'string',
  description: 'Opaque. Keep the newest one; in cookie transport it is in no body but in an HttpOnly cookie.',
}

/** The shapes of all bodies. */
export const schemas: Readonly<Record<string, Schema>> = {
  Error: {
    type: 'object',
    required: ['error', 'code'],
    properties: {
      error: { type: 'string', description: 'For people.' },
      code: { enum: Object.keys(statusOf), description: 'For programs: stable.' },
      retryable: {
        type: 'boolean',
        description: 'Whether the same call may succeed later. Then nobody is signed out.',
      },
    },
  },
  RefreshRequest: {
    type: 'object',
    required: ['refreshToken'],
    properties: { refreshToken: { type: 'string', minLength: 1, maxLength: 4096 } },
  },
  Refreshed: {
    type: 'object',
    required: ['accessToken'],
    properties: {
      accessToken,
      refreshToken: { ...refreshToken, description: `Present when it rotated. ${refreshToken.description}` },
    },
  },
  SignedIn: { type: 'object', required: ['accessToken'], properties: { accessToken, refreshToken } },
  User: {
    type: 'object',
    required: ['userId', 'email', 'roles', 'customFields'],
    properties: {
      userId: { type: 'string', examples: ['mem_abc'] },
      email: { type: 'string', examples: ['ada@example.com'] },
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
      userAgent: { type: ['string', 'null'], description: 'What signed in.' },
      current: { type: 'boolean', description: 'Whether it is the session of the access token that asked.' },
    },
  },
  Sessions: {
    type: 'object',
    required: ['sessions'],
    properties: { sessions: { type: 'array', items: { $ref: '#/components/schemas/Session' } } },
  },
  KeySet: {
    type: 'object',
    required: ['keys'],
    properties: { keys: { type: 'array', items: { type: 'object', required: ['kty', 'kid'] } } },
  },
}

/** The ways a token may come in. A token in a URL is never read. */
export const securitySchemes: Readonly<Record<string, Part>> = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'The token in `Authorization: Bearer`.',
  },
  memberstackToken: {
    type: 'apiKey',
    in: 'header',
    name: 'x-memberstack-token',
    description: 'The same token, where `Authorization` is taken.',
  },
  refreshCookie: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-perennial',
    description:
      'Cookie transport: the refresh token. Every POST and DELETE then needs `X-CSRF: 1` and an allowed `Origin`.',
  },
}
