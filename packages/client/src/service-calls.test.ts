import { describe, expect, it } from 'vitest'
import { PerennialError } from './perennial-error.js'
import { ask, callService, endSession, type Service, type ServiceCall } from './service.js'

/** Requests that a service got, and its answer. */
function createService(answer: () => Response | Promise<Response>, change: Partial<Service> = {}) {
  const asked: { url: string; init: RequestInit }[] = []
  const service: Service = {
    serviceUrl: 'https://auth.example.com/',
    cookie: false,
    timeoutSeconds: 10,
    fetchNow: async (input, init = {}) => {
      asked.push({ url: typeof input === 'string' ? input : expect.fail(), init })
      return await answer()
    },
    ...change,
  }
  return { service, asked }
}

const json = (value: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(value), { status, headers })
const refused = (status: number, body: object = {}, headers: Record<string, string> = {}) =>
  json({ code: 'AUTH_TOKEN_INVALID', ...body }, status, headers)
const errorOf = async (
  answer: () => Response | Promise<Response>,
  call: ServiceCall = { route: 'sessions' },
) => {
  const error: unknown = await ask(createService(answer).service, call).catch((thrown: unknown) => thrown)
  return error instanceof PerennialError ? error : expect.fail()
}

describe('a request to the service', () => {
  it('has the tokens in its body, and no credentials of other origins', async () => {
    const { service, asked } = createService(() => json({ sessions: [] }))
    await ask(service, { route: 'refresh-token', refreshToken: 'r1', bearer: 'ey' })
    expect(asked).toMatchObject([
      {
        url: 'https://auth.example.com/v1/auth/refresh-token',
        init: {
          method: 'POST',
          headers: { 'Content-Type': 'application/json', Authorization: 'Bearer ey' },
          body: '{"refreshToken":"r1"}',
          credentials: 'same-origin',
          redirect: 'error',
          keepalive: false,
        },
      },
    ])
    expect(asked[0]?.init.headers).not.toHaveProperty('X-CSRF')
  })

  it('brings the cookie, and the header that no other site can send, in cookie mode', async () => {
    const { service, asked } = createService(() => json({}), { cookie: true })
    await ask(service, { route: 'refresh-token' })
    expect(asked[0]?.init).toMatchObject({ credentials: 'include', headers: { 'X-CSRF': '1' } })
    expect(asked[0]?.init.headers).not.toHaveProperty('Authorization')
  })

  it('that reads has no body, and one that ends a session outlives the page', async () => {
    const { service, asked } = createService(() => json({}))
    await ask(service, { method: 'GET', route: 'sessions' })
    await ask(service, { method: 'DELETE', route: 'session', refreshToken: 'r1', sid: 's1' })
    expect(asked[0]?.init).toMatchObject({ method: 'GET', keepalive: false })
    expect(asked[0]?.init).not.toHaveProperty('body')
    expect(asked[1]?.init).toMatchObject({
      method: 'DELETE',
      keepalive: true,
      body: '{"refreshToken":"r1","sid":"s1"}',
    })
  })

  it('ends after six tenths of the time of a call, as a timeout', async () => {
    const { service } = createService(() => Promise.reject(new DOMException('late', 'TimeoutError')))
    await expect(ask(service, { route: 'sessions' })).rejects.toMatchObject({
      code: 'CLIENT_TIMEOUT',
      retryable: true,
    })
    let signal: AbortSignal | null | undefined
    const never: Service['fetchNow'] = (_, init) => {
      signal = init?.signal
      return new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () =>
          reject(signal?.reason instanceof Error ? signal.reason : new Error()),
        )
      })
    }
    const short = createService(() => json({}), { fetchNow: never, timeoutSeconds: 0.01 })
    await expect(ask(short.service, { route: 'sessions' })).rejects.toMatchObject({ code: 'CLIENT_TIMEOUT' })
    expect(signal?.aborted).toBe(true)
  })
})

describe('an answer of the service', () => {
  it('with its code is an error that can be retried if it says so, or by its status', async () => {
    const cases = [
      [401, {}, false],
      [401, { retryable: true }, true],
      [403, { retryable: 'yes' }, false],
      [429, {}, true],
      [499, {}, false],
      [500, {}, true],
      [503, {}, true],
    ] as const
    for (const [status, body, retryable] of cases)
      expect(await errorOf(() => refused(status, body)), `${status}`).toMatchObject({
        code: 'AUTH_TOKEN_INVALID',
        status,
        retryable,
      })
  })

  it('without a code of the service counts as none', async () => {
    const none = { code: 'CLIENT_NETWORK', status: 0, retryable: true }
    const texts = ['', 'null', '{"code":7}', '{"code":"NOPE"}', '{"code":"XAUTH_TOKEN_INVALID"}']
    for (const text of texts)
      expect(await errorOf(() => new Response(text, { status: 401 })), text).toMatchObject(none)
    expect(await errorOf(() => Promise.reject(new TypeError('Failed to fetch')))).toMatchObject(none)
  })

  it('that names a time is heeded, whoever gives it', async () => {
    const after = { 'Retry-After': '7' }
    expect(await errorOf(() => refused(429, {}, after))).toMatchObject({ retryAfterSeconds: 7 })
    expect(await errorOf(() => new Response('busy', { status: 503, headers: after }))).toMatchObject({
      code: 'CLIENT_NETWORK',
      retryAfterSeconds: 7,
    })
  })

  it('is passed on as it is if `fetchNow` has judged it', async () => {
    const error = new PerennialError('CLIENT_MEMBER_CHANGED')
    expect(await errorOf(() => Promise.reject(error))).toBe(error)
  })

  it('with a token that has no times comes from something in between', async () => {
    const claims = Buffer.from(JSON.stringify({ iat: null, exp: 1 })).toString('base64url')
    const { service } = createService(() => json({ accessToken: `h.${claims}.s` }))
    await expect(callService(service, { route: 'refresh-token' })).rejects.toMatchObject({
      code: 'CLIENT_NETWORK',
    })
  })

  it('names the member and the session of its token', async () => {
    const iat = Math.floor(Date.now() / 1000)
    const claims = Buffer.from(JSON.stringify({ iat, exp: iat + 60, sub: 'mem_1', sid: 's1' })).toString(
      'base64url',
    )
    const { service } = createService(() => json({ accessToken: `h.${claims}.s` }))
    expect(await callService(service, { route: 'refresh-token', refreshToken: 'r1' })).toMatchObject({
      userId: 'mem_1',
      sid: 's1',
      refreshToken: 'r1',
    })
  })
})

describe('the end of a session', () => {
  it('is told with the refresh token, and by cookie with the access token', async () => {
    const record = { seq: 7, offsetSeconds: 0, accessToken: 'ey', refreshToken: 'r1', sid: 's1' }
    const body = createService(() => new Response(null, { status: 204 }))
    expect(await endSession(body.service, record)).toBe(true)
    expect(body.asked[0]).toMatchObject({
      url: 'https://auth.example.com/v1/auth/session',
      init: { method: 'DELETE', body: '{"refreshToken":"r1","sid":"s1"}' },
    })
    expect(body.asked[0]?.init.headers).not.toHaveProperty('Authorization')
    const cookie = createService(() => new Response(null, { status: 204 }), { cookie: true })
    await endSession(cookie.service, { ...record, refreshToken: undefined })
    expect(cookie.asked[0]?.init.headers).toMatchObject({ Authorization: 'Bearer ey' })
  })

  it('counts as told if the service has refused it, and not if it was away', async () => {
    expect(await endSession(createService(() => refused(401)).service, {})).toBe(true)
    expect(await endSession(createService(() => refused(503)).service, {})).toBe(false)
    expect(await endSession(createService(() => Promise.reject(new TypeError('no'))).service, {})).toBe(false)
  })
})
