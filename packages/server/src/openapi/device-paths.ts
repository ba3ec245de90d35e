import type { Operation, Part, PathDescription } from './description.js'
import { describeRefusals, refusalsOfAll, type Refusal } from './refusals.js'

const deviceHeaders = (...names: readonly string[]): readonly Part[] =>
  names.map((name) => ({ name, in: 'header', required: false, schema: { type: 'string' } }))

const deviceProven = {
  description:
    'The instructions for the browser, and the cookie `__Host-perennial-bound-…`. `"continue": false`: the session is over, and the browser has to forget it.',
  content: { 'application/json': { schema: { type: 'object' } } },
}

const storeAway: Refusal = { code: 'AUTH_UNAVAILABLE', when: 'the store is unavailable' }

const bodyTransport: Refusal = { code: 'AUTH_NOT_FOUND', when: 'the refresh token travels in the body' }

const deviceRefused: Refusal = {
  code: 'AUTH_PROOF_INVALID',
  when: 'the proof or its challenge is not valid. Nothing was done, and the session goes on',
}

const registerDevice: Operation = {
  operationId: 'registerDeviceKey',
  summary: 'Register the key of a browser',
  description:
    'Cookie transport with `DBSC=on`: browsers with Device Bound Session Credentials call it by themselves after a sign-in.',
  tags: ['sessions'],
  security: [{ refreshCookie: [] }],
  parameters: deviceHeaders('Secure-Session-Response'),
  responses: {
    200: deviceProven,
    ...describeRefusals([deviceRefused, bodyTransport, storeAway, ...refusalsOfAll]),
  },
}

const refreshDevice: Operation = {
  operationId: 'refreshDeviceCookie',
  summary: 'Renew the cookie of a bound session',
  description:
    'Cookie transport: browsers with Device Bound Session Credentials call it by themselves. Without a proof, the answer is 403 with a challenge in `Secure-Session-Challenge`.',
  tags: ['sessions'],
  security: [{ refreshCookie: [] }],
  parameters: deviceHeaders('Sec-Secure-Session-Id', 'Secure-Session-Response'),
  responses: {
    200: deviceProven,
    ...describeRefusals([
      { ...deviceRefused, statuses: [401, 403] },
      bodyTransport,
      storeAway,
      ...refusalsOfAll,
    ]),
  },
}

/** The paths that browsers with Device Bound Session Credentials call by themselves. */
export const devicePaths: Readonly<Record<string, PathDescription>> = {
  '/v1/auth/dbsc/register': { post: registerDevice },
  '/v1/auth/dbsc/refresh': { post: refreshDevice },
}
