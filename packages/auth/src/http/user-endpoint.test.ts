import { beforeEach, describe, expect, it } from 'vitest'

import { HttpFailure, type HttpRequest, type HttpResponse } from '../base/http-client.js'
import type { VerifiedToken } from '../tokens/index.js'
import type { UserSource } from './authenticate.js'
import { createEndpointUsers } from './user-endpoint.js'

const ada = { userId: 'mem_ada', email: 'ada@example.com', roles: ['user'], customFields: { plan: 'pro' } }

let now: number
let requests: HttpRequest[]
let answer: () => Promise<HttpResponse>
let users: UserSource

beforeEach(() => {
  now = 1_000
  requests = []
  answer = async () => ({ status: 200, headers: {}, body: JSON.stringify(ada) })
  users = createEndpointUsers({
    url: 'https://auth.example/v1/auth/me',
    httpClient: (request) => {
      requests.push(request)
      return answer()
    },
    clock: () => now,
  })
})

const token = (change: Partial<VerifiedToken> = {}): VerifiedToken => ({
  kind: 'own',
  memberId: 'mem_ada',
  claims: { iss: 'perennial', iat: 1_000, exp: 4_600 },
  expiresAt: 4_600,
  kid: undefined,
  boundTo: null,
  user: null,
  userFrom: null,
  ...change,
})
const userOf = async (compact: string, change?: Partial<VerifiedToken>) =>
  users.userOf(token(change), compact)

describe('the users of a process without the admin API', () => {
  it('are read with the token that lacks them, once', async () => {
    expect(await userOf('a.b.c')).toEqual(ada)
    expect(await userOf('d.e.f')).toEqual(ada)
    expect(requests).toEqual([
      {
        method: 'GET',
        url: 'https://auth.example/v1/auth/me',
        headers: { authorization: 'Bearer a.b.c', accept: 'application/json' },
        timeoutSeconds: 5,
        maxBodyBytes: 1_048_576,
      },
    ])
  })

  it('are read again after five minutes, with the token that came last', async () => {
    await userOf('a.b.c')
    now += 300
    await userOf('g.h.i')
    expect(requests.map(({ headers }) => headers?.['authorization'])).toEqual([
      'Bearer a.b.c',
      'Bearer g.h.i',
    ])
  })

  it('are taken from the token that has all fields', async () => {
    const email = 'other@example.com'
    const claims = { iss: 'perennial', iat: 1_000, exp: 4_600, email, roles: ['user'], customFields: {} }
    expect(await userOf('a.b.c', { claims })).toMatchObject({ userId: 'mem_ada', email })
    expect(requests).toEqual([])
  })

  it('are refused where the service does not know the token', async () => {
    answer = async () => ({ status: 401, headers: {}, body: JSON.stringify(ada) })
    await expect(userOf('a.b.c')).rejects.toMatchObject({ code: 'AUTH_USER_CONTEXT_INVALID', status: 401 })
    // Another token of the member may be good.
    answer = async () => ({ status: 200, headers: {}, body: JSON.stringify(ada) })
    expect(await userOf('d.e.f')).toEqual(ada)
  })

  it.each<[string, () => Promise<HttpResponse>]>([
    ['another status', async () => ({ status: 500, headers: {}, body: JSON.stringify(ada) })],
    ['no JSON', async () => ({ status: 200, headers: {}, body: '<html>' })],
    ['no id', async () => ({ status: 200, headers: {}, body: JSON.stringify({ ...ada, userId: 7 }) })],
    ['no email', async () => ({ status: 200, headers: {}, body: JSON.stringify({ ...ada, email: null }) })],
    ['no roles', async () => ({ status: 200, headers: {}, body: JSON.stringify({ ...ada, roles: 'user' }) })],
    [
      'no fields',
      async () => ({ status: 200, headers: {}, body: JSON.stringify({ ...ada, customFields: [] }) }),
    ],
    ['nothing', () => Promise.reject(new HttpFailure('timeout', true))],
  ])('are not known, which is not a refusal, while the service answers %s', async (_name, trouble) => {
    answer = trouble
    await expect(userOf('a.b.c')).rejects.toMatchObject({
      code: 'AUTH_UNAVAILABLE',
      status: 503,
      retryAfterSeconds: 1,
    })
  })

  it('are the ones of before while the service is away, for an hour', async () => {
    await userOf('a.b.c')
    answer = () => Promise.reject(new HttpFailure('connect', false))
    now += 3_599
    expect(await userOf('a.b.c')).toEqual(ada)
    now += 1
    await expect(userOf('a.b.c')).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
  })

  it('pass on an error that is not of the network', async () => {
    answer = () => Promise.reject(new TypeError('a bug'))
    await expect(userOf('a.b.c')).rejects.toThrow('a bug')
  })
})
