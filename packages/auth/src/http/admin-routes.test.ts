import { beforeEach, describe, expect, it } from 'vitest'

import type { ListedSession, OperatorUseCases } from '../sessions/index.js'
import { createAdminRoutes } from './admin-routes.js'
import type { AuthRequest, AuthResponse } from './auth-request.js'
import { findRoute } from './endpoints.js'

const keys = ['key-of-ops', 'key-of-support']
const session: ListedSession = {
  id: 's1',
  createdAt: '2026-01-01T00:00:00.000Z',
  lastUsedAt: '2026-01-02T00:00:00.000Z',
  userAgent: 'Firefox',
}
const caller = { address: () => '', beforeAsking: async () => {} }

let done: unknown[][]
let ended: Awaited<ReturnType<OperatorUseCases['end']>>
beforeEach(() => {
  done = []
  ended = 'ended'
})

const sessions: OperatorUseCases = {
  async list(...given) {
    done.push(['list', ...given])
    return { sessions: [{ ...session, jkt: 'thumbprint' }], next: '1.s1' }
  },
  async end(...given) {
    done.push(['end', ...given])
    return ended
  },
  async endAllOf(...given) {
    done.push(['end all of', ...given])
    return 3
  },
  async endEverything(...given) {
    done.push(['end everything', ...given])
    return 5
  },
}

interface Call {
  readonly authorization?: string | null
  readonly headers?: Readonly<Record<string, string>>
  readonly query?: string
  readonly body?: string
}

async function call(method: string, path: string, given: Call = {}): Promise<AuthResponse> {
  const { authorization = `Bearer ${keys[0]}`, headers = {}, query, body = '' } = given
  const all: Readonly<Record<string, string>> = {
    ...headers,
    ...(authorization !== null && { authorization }),
  }
  const request: AuthRequest = {
    method,
    path,
    query,
    requestId: 'req-1',
    header: (name) => all[name],
    readBody: async () => ({ kind: 'bytes', bytes: new TextEncoder().encode(body) }),
  }
  const { route, parameter } = findRoute(createAdminRoutes(sessions, keys), method, path)
  return await route.answer(request, parameter, caller)
}
const bodyOf = ({ body }: AuthResponse): unknown => JSON.parse(body ?? '')

describe('the routes of operators', () => {
  it('do not exist without a key', () => {
    expect(createAdminRoutes(sessions, [])).toEqual([])
  })

  it('list the sessions of a member, without the thumbprints of keys', async () => {
    const answer = await call('GET', '/members/mem_ada/sessions')
    expect(answer.status).toBe(200)
    expect(bodyOf(answer)).toEqual({ sessions: [session], next: '1.s1' })
    expect(done).toEqual([['list', 'mem_ada', { limit: undefined, after: null }]])
  })

  it.each([
    ['limit=7&after=1.s1', { limit: 7, after: '1.s1' }],
    ['limit=123456789', { limit: 123_456_789, after: null }],
    ['limit=&after=', { limit: undefined, after: null }],
    ['limit=1e2', { limit: Number.NaN, after: null }],
    ['limit=%207', { limit: Number.NaN, after: null }],
    ['limit=7x', { limit: Number.NaN, after: null }],
    ['limit=-1', { limit: Number.NaN, after: null }],
    ['limit=1234567890', { limit: Number.NaN, after: null }],
  ])('read the page that a query asks for: %s', async (query, page) => {
    await call('GET', '/members/mem_ada/sessions', { query })
    expect(done).toEqual([['list', 'mem_ada', page]])
  })

  it('end all sessions of a member', async () => {
    expect(bodyOf(await call('DELETE', '/members/mem_ada/sessions'))).toEqual({ ended: 3 })
    expect(done).toEqual([['end all of', 'mem_ada', 'req-1']])
  })

  it.each(['ended', 'over'] as const)('end one session, which is %s then', async (result) => {
    ended = result
    expect(await call('DELETE', '/sessions/s1')).toMatchObject({ status: 204, body: null })
    expect(done).toEqual([['end', 's1', 'req-1']])
  })

  it('answer 404 for a session that there is not', async () => {
    ended = 'unknown'
    await expect(call('DELETE', '/sessions/s1')).rejects.toMatchObject({
      code: 'AUTH_NOT_FOUND',
      message: 'There is no such session.',
    })
  })

  it('end everything after a confirmation alone', async () => {
    expect(bodyOf(await call('DELETE', '/sessions', { body: '{"confirm":"all"}' }))).toEqual({ ended: 5 })
    expect(done).toEqual([['end everything', 'req-1']])
    for (const body of ['', '{}', '{"confirm":"everything"}', '{"confirm":["all"]}', '["all"]', '"all"'])
      await expect(call('DELETE', '/sessions', { body }), body).rejects.toMatchObject({
        code: 'AUTH_REQUEST_INVALID',
        message: expect.stringContaining('the body must be {"confirm":"all"}'),
      })
    expect(done).toHaveLength(1)
  })

  const routes = [
    ['GET', '/members/mem_ada/sessions'],
    ['DELETE', '/members/mem_ada/sessions'],
    ['DELETE', '/sessions/s1'],
    ['DELETE', '/sessions'],
  ] as const

  it.each(routes)('are closed without a key: %s %s', async (method, path) => {
    const body = '{"confirm":"all"}'
    for (const authorization of [null, '', 'Basic a2V5LW9mLW9wcw=='])
      await expect(call(method, path, { authorization, body })).rejects.toMatchObject({
        code: 'AUTH_TOKEN_MISSING',
        message: 'The request contains no admin key.',
      })
    const headers = { 'x-memberstack-token': keys[0] ?? '' }
    await expect(call(method, path, { authorization: null, headers, body })).rejects.toMatchObject({
      code: 'AUTH_TOKEN_MISSING',
    })
    for (const key of ['key', `${keys[0]}x`, keys.join(''), 'KEY-OF-OPS'])
      await expect(call(method, path, { authorization: `Bearer ${key}`, body })).rejects.toMatchObject({
        code: 'AUTH_TOKEN_INVALID',
        message: 'The admin key is not valid.',
      })
    expect(done).toEqual([])
  })

  it.each(keys)('open to each of the keys: %s', async (key) => {
    expect(await call('DELETE', '/sessions/s1', { authorization: `bearer ${key}` })).toMatchObject({
      status: 204,
    })
  })
})
