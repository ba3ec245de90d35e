import { createServer, type IncomingHttpHeaders } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { close, listen } from '../test/browser/listen.js'
import { PerennialError } from './perennial-error.js'
import { callService, type ServiceCall, type Tokens } from './service.js'

const servers: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((stop) => stop()))
})

const now = 1_700_000_000
const date = new Date(now * 1000).toUTCString()
const accessToken = `h.${Buffer.from(JSON.stringify({ iat: now - 10, exp: now + 50, sub: 'mem_1' })).toString('base64url')}.s`

interface Asked {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Calls a server that gives this answer. Returns the requests and the outcome. */
async function ask(
  status: number,
  body: unknown,
  options: { headers?: Record<string, string>; call?: ServiceCall; cookie?: boolean; path?: string } = {},
): Promise<{ asked: Asked[]; outcome: Tokens | PerennialError | undefined }> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk) => (text += chunk))
    request.on('end', () => {
      asked.push({ url: `${request.method} ${request.url}`, headers: request.headers, body: text })
      response.writeHead(status, { Date: date, ...options.headers })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    })
  })
  servers.push(() => close(server))
  const serviceUrl = (await listen(server)) + (options.path ?? '')
  const service = { serviceUrl, cookie: options.cookie ?? false, fetchNow: fetch, timeoutSeconds: 10 }
  const call = options.call ?? { route: 'refresh-token', refreshToken: 'r1' }
  const outcome = await callService(service, call).catch((error: PerennialError) => error)
  return { asked, outcome }
}

describe('a call of the service', () => {
  it('sends a refresh token in the body, below the path of serviceUrl', async () => {
    for (const path of ['', '/', '/auth/']) {
      const { asked } = await ask(200, {}, { path })
      expect(asked[0]).toMatchObject({
        url: `POST ${path.replace(/\/$/, '')}/v1/auth/refresh-token`,
        body: '{"refreshToken":"r1"}',
      })
      expect(asked[0]?.headers).toMatchObject({ 'content-type': 'application/json' })
      expect(asked[0]?.headers['x-csrf']).toBeUndefined()
    }
  })

  it('sends a member JWT as bearer, and X-CSRF with the cookie transport', async () => {
    const { asked } = await ask(201, {}, { call: { route: 'session', bearer: 'jwt' }, cookie: true })
    expect(asked[0]).toMatchObject({ url: 'POST /v1/auth/session', body: '{}' })
    expect(asked[0]?.headers).toMatchObject({ authorization: 'Bearer jwt', 'x-csrf': '1' })
  })

  it('returns the tokens (the old refresh token if no new one came) and the offset of the service’s clock', async () => {
    const { outcome } = await ask(200, { accessToken, refreshToken: 'r2' })
    expect(outcome).toMatchObject({ accessToken, refreshToken: 'r2' })
    expect(outcome).toHaveProperty('offsetSeconds', expect.closeTo(now - Date.now() / 1000, 0))
    expect((await ask(200, { accessToken })).outcome).toMatchObject({ refreshToken: 'r1' })
  })

  it('rejects with the service’s code and status', async () => {
    const { outcome } = await ask(401, { error: 'no', code: 'AUTH_TOKEN_REFRESH_FAILED', retryable: false })
    expect(outcome).toBeInstanceOf(PerennialError)
    expect(outcome).toMatchObject({ code: 'AUTH_TOKEN_REFRESH_FAILED', status: 401, retryable: false })
  })

  it('returns no tokens at 204 by cookie, which is no answer without the cookie', async () => {
    expect((await ask(204, '', { cookie: true })).outcome).toBeUndefined()
    expect((await ask(204, '')).outcome).toMatchObject({ code: 'CLIENT_NETWORK', retryable: true })
  })

  it('rejects with CLIENT_NETWORK at any other answer', async () => {
    for (const [status, body] of [
      [401, '<html>'],
      [401, {}],
      // A gateway's code is not the service's.
      [401, { code: 'UNAUTHORIZED' }],
      [403, { code: 403 }],
      [500, {}],
      [200, ''],
      [200, 'null'],
      [200, '[]'],
      [200, { accessToken: 'opaque' }],
      [200, { accessToken: 7 }],
      [200, { code: 'AUTH_TOKEN_REFRESH_FAILED' }],
      [302, { code: 'AUTH_TOKEN_REFRESH_FAILED' }],
    ] as const)
      expect(
        (await ask(status, body, { headers: { Location: 'http://127.0.0.1:9/' } })).outcome,
      ).toMatchObject({
        code: 'CLIENT_NETWORK',
        status: 0,
        retryable: true,
      })
  })

  it('reads Retry-After in seconds, or as a date by the service’s clock', async () => {
    const after = async (value: string): Promise<unknown> => {
      const { outcome } = await ask(
        503,
        { code: 'AUTH_UNAVAILABLE', retryable: true },
        { headers: { 'Retry-After': value } },
      )
      return outcome instanceof PerennialError && outcome.retryAfterSeconds
    }
    expect(await after('7')).toBe(7)
    expect(await after(new Date((now + 20) * 1000).toUTCString())).toBe(20)
    for (const value of ['0', '-5', 'soon', new Date((now - 20) * 1000).toUTCString()])
      expect(await after(value)).toBeUndefined()
  })

  it('never puts a token into an error', async () => {
    const { outcome } = await ask(
      401,
      { code: 'AUTH_TOKEN_INVALID', error: 'r1' },
      { call: { route: 'session', bearer: 'secret-jwt' } },
    )
    expect(
      JSON.stringify(outcome) + (outcome instanceof Error && outcome.message + outcome.stack),
    ).not.toMatch(/secret-jwt|r1/)
  })
})
