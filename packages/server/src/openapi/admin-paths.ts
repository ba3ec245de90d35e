import { answer } from './auth-paths.js'
import type { Operation, Part, PathDescription } from './description.js'
import { describeRefusals, type Refusal } from './refusals.js'

const refusals: readonly Refusal[] = [
  { code: 'AUTH_TOKEN_MISSING', when: 'no key in the request' },
  { code: 'AUTH_TOKEN_INVALID', when: 'the key is not one of `PERENNIAL_ADMIN_KEY`' },
  { code: 'AUTH_METHOD_NOT_ALLOWED', when: 'another method' },
  { code: 'AUTH_REQUEST_TOO_LARGE', when: 'the body is over 16 KiB' },
  { code: 'AUTH_RATE_LIMITED', when: 'too many requests, or too many with a wrong key' },
  { code: 'AUTH_UNAVAILABLE', when: 'the store is unavailable; the same call may succeed later' },
  { code: 'AUTH_INTERNAL_ERROR', when: 'an error in the service' },
]
const noKey: Refusal = { code: 'AUTH_NOT_FOUND', when: '`PERENNIAL_ADMIN_KEY` is not set' }

interface Description extends Pick<Operation, 'operationId' | 'summary' | 'description' | 'responses'> {
  readonly invalid?: string
  readonly notFound?: string
  readonly parameters?: readonly Part[]
  readonly requestBody?: Part
}

function operation({ responses, invalid, notFound, ...rest }: Description): Operation {
  return {
    ...rest,
    tags: ['operators'],
    security: [{ adminKey: [] }],
    responses: {
      ...responses,
      ...describeRefusals([
        ...(invalid === undefined ? [] : [{ code: 'AUTH_REQUEST_INVALID', when: invalid } as const]),
        noKey,
        ...(notFound === undefined ? [] : [{ code: 'AUTH_NOT_FOUND', when: notFound } as const]),
        ...refusals,
      ]),
    },
  }
}

const inPath = (name: string, description: string): Part => ({
  name,
  in: 'path',
  required: true,
  schema: { type: 'string' },
  description,
})
const inQuery = (name: string, schema: Part, description: string): Part => ({
  name,
  in: 'query',
  required: false,
  schema,
  description,
})
const memberId = inPath('memberId', 'The id of the member in Memberstack, `mem_…`.')

const list = operation({
  operationId: 'listSessionsOfMember',
  summary: 'List the sessions of a member',
  description: 'Returns live sessions, newest first, 100 at most.',
  parameters: [
    memberId,
    inQuery(
      'limit',
      { type: 'integer', minimum: 1 },
      'The most sessions to return. More than 100 count as 100.',
    ),
    inQuery('after', { type: 'string' }, '`next` of the page before.'),
  ],
  responses: { 200: answer('A page of sessions.', 'ListedSessions') },
  invalid: 'the id is not one of a member, or `limit` or `after` is not valid',
})

const endOfMember = operation({
  operationId: 'endSessionsOfMember',
  summary: 'End all sessions of a member',
  description: 'Every instance refuses them within 2 s. Member JWTs issued before this are refused.',
  parameters: [memberId],
  responses: { 200: answer('They have ended.', 'EndedSessions') },
  invalid: 'the id is not one of a member',
})

const endOne = operation({
  operationId: 'endSession',
  summary: 'End one session',
  description: 'Every instance refuses it within 2 s. A session that has ended already is no error.',
  parameters: [inPath('id', 'From a list of sessions, or from the log.')],
  responses: { 204: { description: 'It has ended.' } },
  notFound: 'there is no session of that id',
})

const endEverything = operation({
  operationId: 'endEverything',
  summary: 'End all sessions of all members',
  description:
    'One write, however many sessions there are. Every instance refuses them within 2 s. Member JWTs issued before this are refused.',
  requestBody: {
    required: true,
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Confirmation' } } },
  },
  responses: { 200: answer('They have ended.', 'EndedSessions') },
  invalid: 'the body is not `{"confirm":"all"}`',
})

/** The paths below `/v1/admin`. */
export const adminPaths: Readonly<Record<string, PathDescription>> = {
  '/v1/admin/members/{memberId}/sessions': { get: list, delete: endOfMember },
  '/v1/admin/sessions/{id}': { delete: endOne },
  '/v1/admin/sessions': { delete: endEverything },
}
