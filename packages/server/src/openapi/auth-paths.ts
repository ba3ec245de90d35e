import type { Operation, Part, PathDescription, ResponseDescription } from './description.js'
import { describeRefusals, refusalsOfAccessToken, refusalsOfAll, type Refusal } from './refusals.js'

const byToken = [{ bearer: [] }, { memberstackToken: [] }]
const byAccessToken = [...byToken, { dpop: [] }]
const refreshBody = (required: boolean): Part => ({
  required,
  content: { 'application/json': { schema: { $ref: '#/components/schemas/RefreshRequest' } } },
})

/** The header of a request that proves the key of its session. */
const proof: Part = {
  name: 'DPoP',
  in: 'header',
  required: false,
  schema: { type: 'string', maxLength: 4096 },
  description:
    'A DPoP proof (RFC 9449), ES256. At a sign-in it binds the session to its key. A bound session needs one by the same key at each refresh and sign-out by refresh token.',
}

/** The refusal of a request without the proof that it needs. */
const proofRefused: Refusal = {
  code: 'AUTH_PROOF_INVALID',
  when: 'the DPoP proof is missing or not valid. Nothing was done, and the session goes on',
}

/** Describes a response whose body has one of the shared schemas. */
export function answer(description: string, schema: string): ResponseDescription {
  return {
    description,
    content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } },
  }
}

const refresh: Operation = {
  operationId: 'refreshToken',
  summary: 'Exchange a refresh token for an access token',
  description:
    'Concurrent requests with one refresh token cause one rotation and get the same answer. ' +
    'A rotated-out token stays valid until its successor is used, so a lost response costs nothing. ' +
    'By cookie, a refresh within half the life of an access token after a rotation does not rotate: the answer is an access token that ends when the last one does, and no cookie is set.',
  tags: ['tokens'],
  security: [],
  parameters: [proof],
  requestBody: refreshBody(false),
  responses: {
    200: answer('A new access token, and the new refresh token if it was rotated.', 'Refreshed'),
    204: { description: 'Cookie transport: the request has no cookie, so nobody is signed in.' },
    ...describeRefusals([
      { code: 'AUTH_TOKEN_MISSING', statuses: [400], when: 'no usable refresh token in the request' },
      {
        code: 'AUTH_TOKEN_REFRESH_FAILED',
        statuses: [401],
        when: '`retryable: false`: the refresh token is refused; sign in again. The reason is in the log only',
      },
      {
        code: 'AUTH_TOKEN_REFRESH_FAILED',
        statuses: [502, 503],
        when: '`retryable: true`: the upstream or the store fails; the refresh token stays valid',
      },
      proofRefused,
      ...refusalsOfAll,
    ]),
  },
}

const me: Operation = {
  operationId: 'readMe',
  summary: 'Read the member of the access token',
  description: 'Fields that the token lacks are read from Memberstack and cached for a short time.',
  tags: ['tokens'],
  security: byAccessToken,
  responses: {
    200: answer('The member.', 'User'),
    ...describeRefusals([
      ...refusalsOfAccessToken,
      {
        code: 'AUTH_USER_CONTEXT_INVALID',
        when: 'the member no longer exists, or fields are missing in the token and there is no admin API to read them from',
      },
      ...refusalsOfAll,
    ]),
  },
}

const aHeader = (description: string) => ({ description, schema: { type: 'string' } })

const verify: Operation = {
  operationId: 'verifyRequest',
  summary: 'Verify a request for a reverse proxy',
  description:
    'For nginx `auth_request`, Traefik `forwardAuth` and Caddy `forward_auth`. In the headers, what is not visible ASCII, the percent sign, and a comma inside a role are percent-encoded. With `X-Forwarded-Method` and `X-Forwarded-Uri` of a trusted proxy, a DPoP proof has to be for that request.',
  tags: ['tokens'],
  security: byAccessToken,
  responses: {
    204: {
      description: 'The access token is valid.',
      headers: {
        'X-Auth-Request-User': aHeader('The id of the member.'),
        'X-Auth-Request-Email': aHeader('The e-mail address; empty if the member has none.'),
        'X-Auth-Request-Groups': aHeader('The roles, separated by commas.'),
      },
    },
    ...describeRefusals([
      ...refusalsOfAccessToken,
      {
        code: 'AUTH_USER_CONTEXT_INVALID',
        when: 'the member no longer exists, or fields are missing in the token and there is no admin API to read them from',
      },
      ...refusalsOfAll,
    ]),
  },
}

const signIn: Operation = {
  operationId: 'createSession',
  summary: 'Exchange a member JWT for a session',
  description:
    'Takes the JWT that Memberstack issued at login, checks it and the membership with Memberstack, and starts a session.',
  tags: ['sessions'],
  security: byToken,
  parameters: [proof],
  responses: {
    201: answer('The first pair of tokens.', 'SignedIn'),
    ...describeRefusals([
      { code: 'AUTH_TOKEN_MISSING', when: 'no usable member JWT in the request' },
      {
        code: 'AUTH_PROOF_INVALID',
        when: 'the DPoP proof is not valid, or it is missing and `DPOP_REQUIRED=on`',
      },
      { code: 'AUTH_TOKEN_INVALID', when: 'the member JWT is not valid for this app' },
      { code: 'AUTH_TOKEN_EXPIRED', when: 'the member JWT is too old' },
      { code: 'AUTH_TOKEN_REVOKED', when: 'the member has signed out everywhere since it was issued' },
      { code: 'AUTH_USER_CONTEXT_INVALID', when: 'the member no longer exists' },
      { code: 'AUTH_ROLE_INSUFFICIENT', when: 'the member has none of the required plans' },
      {
        code: 'AUTH_UNAVAILABLE',
        when: 'Memberstack or the store is unavailable; the same call may succeed later',
      },
      ...refusalsOfAll,
    ]),
  },
}

const signOut: Operation = {
  operationId: 'deleteSession',
  summary: 'Sign out of this session',
  description:
    'Takes an access token, or a refresh token in the body or cookie. With a refresh token the answer is 204 even if the token is not valid (RFC 7009), but for a bound session without a proof. ' +
    'By cookie, `sid` names the session that the page means: a cookie of another session stays, and that session goes on.',
  tags: ['sessions'],
  security: [...byAccessToken, { refreshCookie: [] }, {}],
  parameters: [proof],
  requestBody: {
    required: false,
    content: { 'application/json': { schema: { $ref: '#/components/schemas/SignOutRequest' } } },
  },
  responses: {
    204: { description: 'Signed out.' },
    ...describeRefusals([...refusalsOfAccessToken, ...refusalsOfAll]),
  },
}

const listSessions: Operation = {
  operationId: 'listSessions',
  summary: 'List the sessions of the member',
  description: 'Returns the live sessions, newest first.',
  tags: ['sessions'],
  security: byAccessToken,
  responses: {
    200: answer('The sessions.', 'Sessions'),
    ...describeRefusals([...refusalsOfAccessToken, ...refusalsOfAll]),
  },
}

const signOutEverywhere: Operation = {
  operationId: 'deleteSessions',
  summary: 'Sign out everywhere',
  description:
    'Ends all sessions of the member, including this one. Member JWTs issued before this are refused.',
  tags: ['sessions'],
  security: byAccessToken,
  responses: {
    204: { description: 'Signed out everywhere.' },
    ...describeRefusals([...refusalsOfAccessToken, ...refusalsOfAll]),
  },
}

const signOutOne: Operation = {
  operationId: 'deleteSessionById',
  summary: 'Sign out of one session',
  description: 'Ends one of the member’s sessions.',
  tags: ['sessions'],
  security: byAccessToken,
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
    204: { description: 'The session has ended.' },
    ...describeRefusals([
      ...refusalsOfAccessToken,
      { code: 'AUTH_NOT_FOUND', when: 'no session of this member has that id' },
      ...refusalsOfAll,
    ]),
  },
}

/** The paths below `/v1/auth` in both modes. */
export const tokenPaths: Readonly<Record<string, PathDescription>> = {
  '/v1/auth/refresh-token': { post: refresh },
  '/v1/auth/me': { get: me },
  '/v1/auth/verify': { get: verify },
}

/** The additional paths below `/v1/auth` in session mode. */
export const sessionPaths: Readonly<Record<string, PathDescription>> = {
  '/v1/auth/session': { post: signIn, delete: signOut },
  '/v1/auth/sessions': { get: listSessions, delete: signOutEverywhere },
  '/v1/auth/sessions/{id}': { delete: signOutOne },
}
