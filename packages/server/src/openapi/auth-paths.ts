import type { Operation, Part, PathDescription, ResponseDescription } from './description.js'
import { describeRefusals, refusalsOfAccessToken, refusalsOfAll } from './refusals.js'

const byToken = [{ bearer: [] }, { memberstackToken: [] }]
const refreshBody = (required: boolean): Part => ({
  required,
  content: { 'application/json': { schema: { $ref: '#/components/schemas/RefreshRequest' } } },
})

/** An answer with a body of one of the shared shapes. */
export function answer(description: string, schema: string): ResponseDescription {
  return {
    description,
    content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } },
  }
}

const refresh: Operation = {
  operationId: 'refreshToken',
  summary: 'A refresh token in, a fresh access token out',
  description:
    'However many callers present one refresh token at once, there is one rotation and one answer. ' +
    'A rotated-out token keeps answering until its successor was used, so a lost response costs nothing.',
  tags: ['tokens'],
  security: [],
  requestBody: refreshBody(false),
  responses: {
    200: answer('A fresh access token, and the refresh token when it rotated.', 'Refreshed'),
    ...describeRefusals([
      { code: 'AUTH_TOKEN_MISSING', statuses: [400], when: 'no usable refresh token in the request' },
      {
        code: 'AUTH_TOKEN_REFRESH_FAILED',
        statuses: [401],
        when: '`retryable: false`: the refresh token is refused; sign in again. Why is for the log alone',
      },
      {
        code: 'AUTH_TOKEN_REFRESH_FAILED',
        statuses: [502, 503],
        when: '`retryable: true`: trouble upstream or in the store; the refresh token stays good',
      },
      ...refusalsOfAll,
    ]),
  },
}

const me: Operation = {
  operationId: 'readMe',
  summary: 'Who the access token belongs to',
  description: 'What is missing in the token is read from Memberstack and kept a short while.',
  tags: ['tokens'],
  security: byToken,
  responses: {
    200: answer('The member.', 'User'),
    ...describeRefusals([
      ...refusalsOfAccessToken,
      {
        code: 'AUTH_USER_CONTEXT_INVALID',
        when: 'there is no such member any more, or nobody to ask what the token does not tell',
      },
      ...refusalsOfAll,
    ]),
  },
}

const signIn: Operation = {
  operationId: 'createSession',
  summary: 'Exchange a member JWT for a session',
  description:
    'Takes the JWT that Memberstack gave at login, checks it and the membership with Memberstack, and starts a session.',
  tags: ['sessions'],
  security: byToken,
  responses: {
    201: answer('The first pair of tokens.', 'SignedIn'),
    ...describeRefusals([
      { code: 'AUTH_TOKEN_MISSING', when: 'no usable member JWT in the request' },
      { code: 'AUTH_TOKEN_INVALID', when: 'the member JWT is none of this app' },
      { code: 'AUTH_TOKEN_EXPIRED', when: 'the member JWT is too old' },
      { code: 'AUTH_TOKEN_REVOKED', when: 'the member has signed out everywhere since it was issued' },
      { code: 'AUTH_USER_CONTEXT_INVALID', when: 'there is no such member any more' },
      { code: 'AUTH_ROLE_INSUFFICIENT', when: 'the member has none of the required plans' },
      { code: 'AUTH_UNAVAILABLE', when: 'Memberstack or the store is away; the same call may succeed later' },
      ...refusalsOfAll,
    ]),
  },
}

const signOut: Operation = {
  operationId: 'deleteSession',
  summary: 'Sign out of this session',
  description:
    'Takes an access token, or a refresh token in the body or cookie. With a refresh token the answer is 204 whatever it is (RFC 7009).',
  tags: ['sessions'],
  security: [...byToken, { refreshCookie: [] }, {}],
  requestBody: refreshBody(false),
  responses: {
    204: { description: 'Signed out.' },
    ...describeRefusals([...refusalsOfAccessToken, ...refusalsOfAll]),
  },
}

const listSessions: Operation = {
  operationId: 'listSessions',
  summary: 'Where I am signed in',
  description: 'The live sessions of the member, newest first.',
  tags: ['sessions'],
  security: byToken,
  responses: {
    200: answer('The sessions.', 'Sessions'),
    ...describeRefusals([...refusalsOfAccessToken, ...refusalsOfAll]),
  },
}

const signOutEverywhere: Operation = {
  operationId: 'deleteSessions',
  summary: 'Sign out everywhere',
  description:
    'Ends all sessions of the member, this one too. Member JWTs issued until now are refused from now on.',
  tags: ['sessions'],
  security: byToken,
  responses: {
    204: { description: 'Signed out everywhere.' },
    ...describeRefusals([...refusalsOfAccessToken, ...refusalsOfAll]),
  },
}

const signOutOne: Operation = {
  operationId: 'deleteSessionById',
  summary: 'Sign out of one session',
  description: 'Ends one session of the member.',
  tags: ['sessions'],
  security: byToken,
  parameters: [
    {
      name: 'id',
      in: 'path',
      required: true,
      schema: { type: 'string' },
      description: 'From the list of sessions.',
    },
  ],
  responses: {
    204: { description: 'Signed out of it.' },
    ...describeRefusals([
      ...refusalsOfAccessToken,
      { code: 'AUTH_NOT_FOUND', when: 'no session of this member has that id' },
      ...refusalsOfAll,
    ]),
  },
}

/** Below `/v1/auth`, in both modes. */
export const tokenPaths: Readonly<Record<string, PathDescription>> = {
  '/v1/auth/refresh-token': { post: refresh },
  '/v1/auth/me': { get: me },
}

/** Below `/v1/auth`, in session mode. */
export const sessionPaths: Readonly<Record<string, PathDescription>> = {
  '/v1/auth/session': { post: signIn, delete: signOut },
  '/v1/auth/sessions': { get: listSessions, delete: signOutEverywhere },
  '/v1/auth/sessions/{id}': { delete: signOutOne },
}
