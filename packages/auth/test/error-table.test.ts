import { describe, expect, it } from 'vitest'
import type { PerennialOptions } from '../src/compose/perennial-options.js'
import { openStore } from '../src/stores/index.js'
import { expectRow, get, read, refresh, startForwardWorld } from './forward-world.js'
import { mounts } from './mounts.js'

const { emulator, serve } = await startForwardWorld()

const always = { times: 1000 }
const adminRoute = 'GET /members/:idOrEmail'

describe.each(mounts)('the error table of forward mode, $name', ({ start }) => {
  const listen = async (options: Partial<PerennialOptions> = {}): Promise<string> =>
    (await serve(start, options)).url

  it('AUTH_TOKEN_MISSING is 400 on a refresh and 401 elsewhere', async () => {
    const url = await listen()
    for (const token of [undefined, null, 1, '', 'x'.repeat(4097), 'a b', 'a\u0000b', 'ä'])
      expectRow(await refresh(url, token), { status: 400, code: 'AUTH_TOKEN_MISSING' })
    for (const path of ['/v1/auth/me', '/projects', '/admin'])
      expectRow(await get(url + path), { status: 401, code: 'AUTH_TOKEN_MISSING' })
    const { accessToken } = await emulator.issueTokens()
    const inUrl = `${url}/v1/auth/me?access_token=${accessToken}&token=${accessToken}&memberToken=${accessToken}`
    expectRow(await get(inUrl), { status: 401, code: 'AUTH_TOKEN_MISSING' })
    expect(emulator.calls()).toEqual({})
  })

  it('AUTH_TOKEN_INVALID is 401', async () => {
    const url = await listen()
    const { accessToken } = await emulator.issueTokens()
    const other = await emulator.issueTokens({ claims: { aud: 'app_other' } })
    for (const token of ['rubbish', `${accessToken.slice(0, -8)}AAAAAAAA`, other.accessToken])
      for (const path of ['/v1/auth/me', '/projects'])
        expectRow(await get(url + path, token), { status: 401, code: 'AUTH_TOKEN_INVALID' })
  })

  it('AUTH_TOKEN_EXPIRED is 401, an hour after it was issued though it says two weeks', async () => {
    const url = await listen()
    const { accessToken } = await emulator.issueTokens({ issuedSecondsAgo: 3600 })
    const short = await emulator.issueTokens({ issuedSecondsAgo: 60, expiresInSeconds: -1 })
    for (const token of [accessToken, short.accessToken])
      for (const path of ['/v1/auth/me', '/projects'])
        expectRow(await get(url + path, token), { status: 401, code: 'AUTH_TOKEN_EXPIRED' })
  })

  it('AUTH_TOKEN_REFRESH_FAILED is 401 for a refusal, with one body for every reason', async () => {
    const url = await listen()
    const { refreshToken } = await emulator.issueTokens()
    const unknown = await refresh(url, 'rt_unknown')
    emulator.setFault({ route: 'POST /auth/refresh-token', status: 400, body: { error: 'invalid_grant' } })
    const asOauthSaysIt = await refresh(url, refreshToken)
    for (const answer of [unknown, asOauthSaysIt])
      expectRow(answer, { status: 401, code: 'AUTH_TOKEN_REFRESH_FAILED', retryable: false })
    expect(asOauthSaysIt.text).toBe(unknown.text)
  })

  it('AUTH_TOKEN_REFRESH_FAILED is 502 or 503 for trouble, and passes the wait on', async () => {
    const url = await listen()
    const { refreshToken } = await emulator.issueTokens()
    const trouble = { code: 'AUTH_TOKEN_REFRESH_FAILED', retryable: true }
    emulator.setFault({ route: 'POST /auth/refresh-token', body: { data: {} } })
    expectRow(await refresh(url, refreshToken), { status: 502, ...trouble })
    emulator.setFault({ route: 'POST /auth/refresh-token', status: 503, headers: { 'retry-after': '17' } })
    const away = await refresh(url, refreshToken)
    expectRow(away, { status: 503, ...trouble })
    expect(away.headers.get('retry-after')).toBe('17')
    expect((await refresh(url, refreshToken)).status).toBe(200)
  })

  it('AUTH_USER_CONTEXT_INVALID is 401 when there is no such member', async () => {
    const url = await listen()
    const { id } = emulator.createMember({ email: 'gone@example.com', password: 'long-enough' })
    const { accessToken } = await emulator.issueTokens({ memberId: id })
    emulator.deleteMember(id)
    for (const path of ['/v1/auth/me', '/projects'])
      expectRow(await get(url + path, accessToken), { status: 401, code: 'AUTH_USER_CONTEXT_INVALID' })
  })

  it('AUTH_UNAVAILABLE is 503 while the admin API or the key set is away, and nothing kept will do', async () => {
    const { accessToken } = await emulator.issueTokens()
    const away = { status: 503, code: 'AUTH_UNAVAILABLE', retryable: true }
    for (const route of [adminRoute, 'GET /jwks.json']) {
      const url = await listen()
      emulator.setFault({ route, status: 500, ...always })
      expectRow(await get(`${url}/v1/auth/me`, accessToken), away)
      expectRow(await get(`${url}/projects`, accessToken), away)
      emulator.clearFaults()
    }
  })

  it('AUTH_ROLE_INSUFFICIENT is 403, and one of the roles will do', async () => {
    const url = await listen()
    const bob = await emulator.issueTokens({ memberId: 'mem_bob' })
    expectRow(await get(`${url}/admin`, bob.accessToken), { status: 403, code: 'AUTH_ROLE_INSUFFICIENT' })
    const ada = await emulator.issueTokens()
    expect((await get(`${url}/admin`, ada.accessToken)).body).toEqual({ admin: true })
  })

  it('AUTH_RATE_LIMITED is 429, with the headers of the limit that it was', async () => {
    const url = await listen({ rateLimits: { ipPerMinute: 1, sessionPerMinute: 1, ipTotalPerMinute: 8 } })
    const limited = { status: 429, code: 'AUTH_RATE_LIMITED', retryable: true }
    const { refreshToken } = await emulator.issueTokens()
    const good = await emulator.issueTokens()
    // Above the limit, only refresh tokens that came through this instance are known to be good.
    const { refreshToken: known } = (await refresh(url, good.refreshToken)).body
    const expectLimit = async (name: string, quota: number, ask: () => ReturnType<typeof get>) => {
      const answer = await ask()
      expectRow(answer, limited)
      expect(answer.headers.get('ratelimit-policy')).toBe(`"${name}";q=${quota};w=60`)
      expect(answer.headers.get('ratelimit')).toBe(
        `"${name}";r=0;t=${answer.headers.get('retry-after') ?? ''}`,
      )
    }
    emulator.setFault({ route: 'POST /auth/refresh-token', status: 500 })
    expect((await refresh(url, refreshToken)).status).toBe(503)
    await expectLimit('session', 1, () => refresh(url, refreshToken))
    expect((await get(`${url}/v1/auth/me`)).status).toBe(401)
    await expectLimit('ip_refused', 1, () => get(`${url}/v1/auth/me`))
    expect((await get(`${url}/v1/auth/me`, good.accessToken)).status).toBe(200)
    expect((await refresh(url, String(known))).status).toBe(200)
    expect((await get(`${url}/v1/auth/me`, good.accessToken)).status).toBe(200)
    await expectLimit('ip', 8, () => get(`${url}/v1/auth/me`, good.accessToken))
  })

  it('AUTH_REQUEST_TOO_LARGE is 413 above 16 KiB', async () => {
    const url = await listen()
    const { refreshToken } = await emulator.issueTokens()
    const post = (bytes: number) => {
      const body = JSON.stringify({ refreshToken, padding: '' })
      const padded = body.replace('"padding":""', `"padding":"${'x'.repeat(bytes - body.length)}"`)
      const headers = { 'content-type': 'application/json' }
      return read(fetch(`${url}/v1/auth/refresh-token`, { method: 'POST', headers, body: padded }))
    }
    expectRow(await post(16 * 1024 + 1), { status: 413, code: 'AUTH_REQUEST_TOO_LARGE' })
    expectRow(await post(90_000), { status: 413, code: 'AUTH_REQUEST_TOO_LARGE' })
    expect((await post(16 * 1024)).status).toBe(200)
  })

  it('AUTH_NOT_FOUND is 404: the session routes too', async () => {
    const url = await listen()
    const { accessToken } = await emulator.issueTokens()
    const headers = { authorization: `Bearer ${accessToken}` }
    const routes = [
      'POST /session',
      'DELETE /session',
      'GET /sessions',
      'DELETE /sessions',
      'DELETE /sessions/abc',
      'GET /else',
      'GET /me/',
      'GET /ME',
    ]
    for (const route of routes) {
      const [method = '', path = ''] = route.split(' ')
      const answer = await read(fetch(`${url}/v1/auth${path}`, { method, headers }))
      expectRow(answer, { status: 404, code: 'AUTH_NOT_FOUND' })
    }
  })

  it('AUTH_METHOD_NOT_ALLOWED is 405 with Allow', async () => {
    const url = await listen()
    const expected = { status: 405, code: 'AUTH_METHOD_NOT_ALLOWED' }
    for (const [path, allow] of [
      ['refresh-token', 'POST'],
      ['me', 'GET'],
    ])
      for (const method of ['PUT', 'PATCH', 'DELETE', allow === 'GET' ? 'POST' : 'GET']) {
        const answer = await read(fetch(`${url}/v1/auth/${path ?? ''}`, { method }))
        expectRow(answer, expected)
        expect(answer.headers.get('allow')).toBe(allow)
      }
  })

  it('AUTH_INTERNAL_ERROR is 500, without a detail in production', async () => {
    const store = await openStore('memory:', { clock: () => Date.now() / 1000 })
    const broken = () => Promise.reject(new RangeError('a detail'))
    const sharedAnswers = { claim: broken, settle: broken, release: broken, wait: broken }
    const { refreshToken } = await emulator.issueTokens()
    for (const environment of ['production', 'development'] as const) {
      const secret = Buffer.alloc(32, 1).toString('base64')
      const url = await listen({ environment, secret, store: { ...store, sharedAnswers } })
      const answer = await refresh(url, refreshToken)
      expectRow(answer, { status: 500, code: 'AUTH_INTERNAL_ERROR' })
      expect(answer.text).not.toContain('a detail')
      expect(answer.text.includes('RangeError')).toBe(environment === 'development')
    }
  })
})
