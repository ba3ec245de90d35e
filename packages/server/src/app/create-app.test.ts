import { connect } from 'node:net'
import { AuthError, statusOf, type Perennial } from '@perennial/auth'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { describeService } from '../openapi/index.js'
import { createApp, type AppParts } from './create-app.js'

/** Compares the name: the app may use the class of the built library, and this test that of the sources. */
function isAuthError(error: unknown): error is AuthError {
  return error instanceof Error && error.name === 'AuthError'
}

/** Creates a minimal Perennial that answers with the request. */
function tinyPerennial(change: Partial<Perennial> = {}): Perennial {
  const respond = (status: number, value: unknown, headers: Record<string, string> = {}) => ({
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify(value),
  })
  return {
    mode: 'session',
    handle: async (request) => respond(200, { path: request.path, ip: request.ip, id: request.requestId }),
    async handleWebhook(request) {
      const reading = await request.readBody()
      return respond(200, {
        raw: reading.kind === 'bytes' ? Buffer.from(reading.bytes).toString() : reading.kind,
      })
    },
    handleAdmin: async (request) => respond(200, { path: request.path, query: request.query }),
    sessions: {
      list: async () => ({ sessions: [], next: null }),
      end: async () => false,
      endAllOf: async () => 0,
      endEverything: async () => 0,
    },
    readJwks: () => Promise.resolve('{"keys":[]}'),
    authenticate: () => Promise.reject(new Error('not here')),
    requireRoles: () => {},
    toResponse(error) {
      const code = isAuthError(error) ? error.code : 'AUTH_INTERNAL_ERROR'
      return respond(statusOf[code], { error: 'No.', code }, isAuthError(error) ? { ...error.headers } : {})
    },
    checkReady: () => Promise.resolve(),
    close: () => Promise.resolve(),
    ...change,
  }
}

let app: FastifyInstance | undefined
afterEach(() => app?.close())

async function start(
  config: Partial<AppParts['config']> = {},
  parts: Partial<AppParts> = {},
): Promise<string> {
  app = createApp({
    config: {
      environment: 'production',
      corsOrigins: [],
      issuerUrl: 'https://auth.example.com',
      refreshTokenTransport: 'body',
      showDocs: true,
      trustProxy: 0,
      keepAliveTimeoutSeconds: 620,
      ...config,
    },
    perennial: tinyPerennial(),
    logger: pino({ level: 'silent' }),
    readMetrics: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' }),
    ...parts,
  })
  return app.listen({ port: 0, host: '127.0.0.1' })
}

describe('the read-only routes', () => {
  it('have each their content type and cache rule', async () => {
    const url = await start()
    const expected: [string, string, string][] = [
      ['/healthz', 'application/json; charset=utf-8', 'no-store'],
      ['/readyz', 'application/json; charset=utf-8', 'no-store'],
      ['/.well-known/jwks.json', 'application/json; charset=utf-8', 'public, max-age=300'],
      ['/openapi.json', 'application/json; charset=utf-8', 'no-cache'],
      ['/metrics', 'text/plain; version=0.0.4', 'no-store'],
      ['/docs', 'text/html; charset=utf-8', 'no-cache'],
    ]
    for (const [path, type, keep] of expected) {
      const answer = await fetch(url + path)
      expect([
        path,
        answer.status,
        answer.headers.get('content-type'),
        answer.headers.get('cache-control'),
      ]).toEqual([path, 200, type, keep])
      const head = await fetch(url + path, { method: 'HEAD' })
      expect([path, head.status, await head.text()]).toEqual([path, 200, ''])
    }
  })

  it('redirect / to the docs', async () => {
    const answer = await fetch(await start(), { redirect: 'manual' })
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/docs'])
  })

  it('have no docs and no metrics if those are off', async () => {
    const url = await start({ showDocs: false }, { readMetrics: null })
    for (const path of ['/docs', '/metrics', '/']) {
      const answer = await fetch(url + path)
      expect(answer.status, path).toBe(404)
      expect(await answer.json()).toMatchObject({ code: 'AUTH_NOT_FOUND' })
    }
  })

  it('are described, every one, and every described route exists', async () => {
    const url = await start()
    const { paths } = describeService('session')
    expect(await (await fetch(`${url}/openapi.json`)).json()).toEqual(describeService('session'))
    for (const [path, methods] of Object.entries(paths))
      for (const method of Object.keys(methods)) {
        const answer = await fetch(url + path, { method: method.toUpperCase() })
        expect([path, method, answer.status]).toEqual([path, method, 200])
      }
  })

  it('report alive, but not ready, while a dependency is unavailable', async () => {
    const away = () => Promise.reject(new AuthError('AUTH_UNAVAILABLE', 'away'))
    const url = await start({}, { perennial: tinyPerennial({ checkReady: away, readJwks: away }) })
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    for (const path of ['/readyz', '/.well-known/jwks.json']) {
      const answer = await fetch(url + path)
      expect(answer.status).toBe(503)
      expect(await answer.json()).toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    }
  })

  it('share one readiness check among concurrent callers', async () => {
    let asked = 0
    let release = () => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    const checkReady = () => {
      asked += 1
      return gate
    }
    const url = await start({}, { perennial: tinyPerennial({ checkReady }) })
    const answers = Array.from({ length: 20 }, () => fetch(`${url}/readyz`))
    await fetch(`${url}/healthz`)
    release()
    for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200)
    expect(asked).toBeLessThan(5)
  })
})

describe('headers', () => {
  it('allow browsers only to read, on errors too', async () => {
    const url = await start()
    for (const path of ['/v1/auth/me', '/nowhere', '/healthz']) {
      const { headers } = await fetch(url + path)
      expect(headers.get('content-security-policy')).toBe(
        "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
      )
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect(headers.get('strict-transport-security')).toContain('max-age=')
      expect(Date.parse(headers.get('date') ?? '')).toBeGreaterThan(0)
    }
  })

  it('allow the docs their one style sheet, and no script', async () => {
    const { headers } = await fetch(`${await start()}/docs`)
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none';style-src 'sha256-[^']+';/)
  })

  it('carry a request id: the caller’s if it is acceptable, else a new one', async () => {
    const url = await start()
    const idOf = async (id?: string) => {
      const answer = await fetch(`${url}/v1/auth/me`, {
        headers: id === undefined ? {} : { 'x-request-id': id },
      })
      const header = answer.headers.get('x-request-id')
      expect(await answer.json()).toMatchObject({ id: header })
      return header
    }
    expect(await idOf('checkout-42_a')).toBe('checkout-42_a')
    const jwt = `${'a'.repeat(20)}.${'b'.repeat(20)}.${'c'.repeat(20)}`
    for (const id of [undefined, 'short', 'with space', 'x'.repeat(65), jwt, '<script>alert(1)</script>'])
      expect(await idOf(id)).toMatch(/^[0-9a-f-]{36}$/)
    expect(await idOf()).not.toBe(await idOf())
    expect((await fetch(`${url}/nowhere`)).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    expect((await fetch(`${url}/%zz`)).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })
})

describe('the discovery document', () => {
  const path = '/.well-known/openid-configuration'

  it('names the issuer and the key set below it, with or without a path or a slash at the end', async () => {
    for (const issuerUrl of [
      'https://auth.example.com',
      'https://example.com/members',
      'https://example.com/',
    ]) {
      const url = await start({ issuerUrl })
      const { issuer, jwks_uri: jwksUri } = await (await fetch(url + path)).json()
      expect(issuer).toBe(issuerUrl)
      expect(jwksUri).toBe(`${issuerUrl.replace(/\/$/, '')}/.well-known/jwks.json`)
      await app?.close()
    }
  })

  it('is not there without an http(s) issuer', async () => {
    const answer = await fetch((await start({ issuerUrl: undefined })) + path)
    expect([answer.status, await answer.json()]).toEqual([
      404,
      expect.objectContaining({ code: 'AUTH_NOT_FOUND' }),
    ])
  })
})

describe('CORS', () => {
  const allowed = 'https://app.example.com'

  it('allows pages of the listed origins to call and read', async () => {
    const url = await start({ corsOrigins: [allowed, 'http://localhost:3000'] })
    const preflight = await fetch(`${url}/v1/auth/refresh-token`, {
      method: 'OPTIONS',
      headers: {
        origin: allowed,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'x-csrf',
      },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe(allowed)
    expect(preflight.headers.get('access-control-allow-methods')).toBe('GET, POST, DELETE')
    expect(preflight.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('authorization')
    expect(preflight.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('x-csrf')
    expect(preflight.headers.get('cache-control')).toBe('no-store')

    const answer = await fetch(`${url}/v1/auth/me`, { headers: { origin: allowed } })
    expect(answer.headers.get('access-control-allow-origin')).toBe(allowed)
    expect(answer.headers.get('vary')).toContain('Origin')
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
    const exposed = answer.headers.get('access-control-expose-headers')
    for (const name of ['Date', 'Retry-After', 'WWW-Authenticate', 'RateLimit', 'RateLimit-Policy'])
      expect(exposed).toContain(name)
  })

  it('allows them to read errors too', async () => {
    const url = await start({ corsOrigins: [allowed] })
    const answer = await fetch(`${url}/nowhere`, { headers: { origin: allowed } })
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([404, allowed])
  })

  it('allows other origins nothing', async () => {
    const url = await start({ corsOrigins: [allowed], refreshTokenTransport: 'cookie' })
    for (const origin of [
      'https://evil.example',
      'null',
      `${allowed}.evil.example`,
      'http://app.example.com',
    ]) {
      const answer = await fetch(`${url}/v1/auth/me`, { headers: { origin } })
      expect(answer.headers.get('access-control-allow-origin'), origin).toBeNull()
    }
  })

  it('allows credentials in cookie transport only, and every origin only without cookies', async () => {
    const url = await start({ corsOrigins: [allowed], refreshTokenTransport: 'cookie' })
    const answer = await fetch(`${url}/v1/auth/me`, { headers: { origin: allowed } })
    expect(answer.headers.get('access-control-allow-credentials')).toBe('true')
    await app?.close()
    const open = await fetch(`${await start({ corsOrigins: ['*'] })}/v1/auth/me`, {
      headers: { origin: allowed },
    })
    expect(open.headers.get('access-control-allow-origin')).toBe('*')
    expect(open.headers.get('access-control-allow-credentials')).toBeNull()
  })

  it('sends no headers if no origin is set', async () => {
    const answer = await fetch(`${await start()}/v1/auth/me`, { headers: { origin: allowed } })
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
  })

  const local = [
    'http://localhost:5173',
    'http://127.0.0.1:3000',
    'http://127.9.9.9',
    'http://[::1]:8080',
    'https://localhost',
  ]
  const foreign = [
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'http://127.evil.example',
    'http://192.168.1.2:5173',
    'http://0.0.0.0:5173',
    'http://user@localhost:5173',
    'http://localhost:5173/',
    'null',
    'file://',
  ]
  const allowsPreflight = async (url: string, origin: string) => {
    const headers = { origin, 'access-control-request-method': 'POST' }
    const answer = await fetch(`${url}/v1/auth/session`, { method: 'OPTIONS', headers })
    return answer.headers.get('access-control-allow-origin') === origin
  }

  it('allows pages of this machine in development, beside the listed ones, and in production only the listed ones', async () => {
    for (const corsOrigins of [[], [allowed]]) {
      const url = await start({ environment: 'development', corsOrigins })
      for (const origin of [...local, ...corsOrigins])
        expect([origin, await allowsPreflight(url, origin)]).toEqual([origin, true])
      for (const origin of foreign)
        expect([origin, await allowsPreflight(url, origin)]).toEqual([origin, false])
      await app?.close()
    }
    const url = await start({ corsOrigins: [allowed] })
    for (const origin of [...local, ...foreign])
      expect([origin, await allowsPreflight(url, origin)]).toEqual([origin, false])
  })
})

describe('the log of refused origins', () => {
  const page = 'https://app.example.com'
  const startLogged = async (config: Partial<AppParts['config']>) => {
    const lines: { msg: string; origin: string; allow: string }[] = []
    const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
    const url = await start(config, { logger })
    const visit = async (origin: string, host?: string) => {
      await fetch(`${url}/v1/auth/me`, { headers: { origin, ...(host && { host }) } })
      return lines.splice(0).map(({ msg, origin, allow }) => [msg, origin, allow])
    }
    return { url, visit }
  }

  it('names the setting that would allow the page, once for each origin', async () => {
    const { visit } = await startLogged({ corsOrigins: ['https://www.example.com'] })
    expect(await visit(page)).toEqual([
      ['origin_refused', page, `CORS_ORIGIN=https://www.example.com,${page}`],
    ])
    expect(await visit(page)).toEqual([])
    expect(await visit('http://localhost:5173')).toEqual([
      [
        'origin_refused',
        'http://localhost:5173',
        'CORS_ORIGIN=https://www.example.com,http://localhost:5173',
      ],
    ])
  })

  it('has no line for pages that are allowed, nor for the own page of the service', async () => {
    const development = await startLogged({ environment: 'development', corsOrigins: [page] })
    for (const origin of [page, 'http://localhost:5173', development.url])
      expect(await development.visit(origin)).toEqual([])
    expect(await development.visit(development.url.replace('http:', 'https:'))).toEqual([])
    await app?.close()
    const open = await startLogged({ corsOrigins: ['*'] })
    expect(await open.visit(page)).toEqual([])
  })

  it('has a line for a page of this machine that cookies need in CORS_ORIGIN', async () => {
    const { visit } = await startLogged({ environment: 'development', refreshTokenTransport: 'cookie' })
    expect(await visit('http://localhost:5173')).toEqual([
      ['origin_refused', 'http://localhost:5173', 'CORS_ORIGIN=http://localhost:5173'],
    ])
  })

  it('has no line for what is not an origin, which may be a token, and at most 100 lines', async () => {
    const { visit } = await startLogged({})
    const jwt = `${'a'.repeat(20)}.${'b'.repeat(64)}.${'c'.repeat(20)}`
    for (const origin of [
      'null',
      `https://${jwt}`,
      `https://x.example/?${jwt}`,
      'HTTPS://APP.example',
      'x'.repeat(9000),
    ])
      expect(await visit(origin)).toEqual([])
    for (let at = 0; at < 100; at++) expect(await visit(`https://${at}.example`)).toHaveLength(1)
    expect(await visit(page)).toEqual([])
  })
})

describe('the address of the caller', () => {
  const ipOf = async (trustProxy: number | string[], forwarded: string) => {
    const answer = await fetch(`${await start({ trustProxy })}/v1/auth/me`, {
      headers: { 'x-forwarded-for': forwarded },
    })
    const body: unknown = await answer.json()
    await app?.close()
    return body
  }

  it('is that of the connection without TRUST_PROXY, whatever the headers say', async () => {
    expect(await ipOf(0, '203.0.113.9')).toMatchObject({ ip: '127.0.0.1' })
  })

  it('is the one that the trusted proxies name, never an earlier one', async () => {
    expect(await ipOf(1, '6.6.6.6, 203.0.113.9')).toMatchObject({ ip: '203.0.113.9' })
    expect(await ipOf(2, '6.6.6.6, 203.0.113.9, 10.0.0.1')).toMatchObject({ ip: '203.0.113.9' })
    expect(await ipOf(['127.0.0.0/8', '10.0.0.0/8'], '6.6.6.6, 203.0.113.9, 10.0.0.1')).toMatchObject({
      ip: '203.0.113.9',
    })
    expect(await ipOf(['10.0.0.0/8'], '203.0.113.9')).toMatchObject({ ip: '127.0.0.1' })
  })
})

describe('a request without a route', () => {
  it('is 404 in the shape of errors, whatever its body', async () => {
    const url = await start()
    const rubbish: RequestInit[] = [
      {},
      { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } },
      { method: 'POST', body: 'x', headers: { 'content-type': ';;' } },
      { method: 'PUT', body: 'x'.repeat(1_000_000) },
      { method: 'OPTIONS' },
    ]
    for (const init of rubbish)
      for (const path of [
        '/nowhere',
        '/v1',
        '/v1/webhooks',
        `/${'x'.repeat(5000)}`,
        '/..%2f..%2fetc',
        '/%zz',
        '/%00',
      ]) {
        const answer = await fetch(url + path, init)
        expect([path, init.method, answer.status]).toEqual([path, init.method, 404])
        expect(answer.headers.get('cache-control')).toBe('no-store')
        expect(await answer.json()).toMatchObject({ code: 'AUTH_NOT_FOUND' })
      }
  })

  it('is 405 if the path has another method', async () => {
    const url = await start()
    for (const path of [
      '/healthz',
      '/readyz?x=1',
      '/.well-known/jwks.json',
      '/openapi.json',
      '/metrics',
      '/docs',
    ])
      for (const method of ['POST', 'DELETE', 'OPTIONS']) {
        const answer = await fetch(url + path, { method })
        expect([path, answer.status, answer.headers.get('allow')]).toEqual([path, 405, 'GET, HEAD'])
        expect(await answer.json()).toMatchObject({ code: 'AUTH_METHOD_NOT_ALLOWED' })
      }
  })

  it('is 500 without details if a route fails', async () => {
    const readJwks = () => Promise.reject(new Error('the secret is hunter2'))
    const answer = await fetch(
      `${await start({}, { perennial: tinyPerennial({ readJwks }) })}/.well-known/jwks.json`,
    )
    expect(answer.status).toBe(500)
    expect(await answer.text()).not.toContain('hunter2')
  })
})

describe('the webhook', () => {
  it('gets the raw bytes', async () => {
    const url = await start()
    const body = '{"payload" :\t{"id":"mem_1"}}'
    const answer = await fetch(`${url}/v1/webhooks/memberstack`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    })
    expect(await answer.json()).toEqual({ raw: body })
  })
})

describe('malformed HTTP', () => {
  /** Sends bytes, and reads until the other side closes. */
  function send(url: string, text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text))
      let answer = ''
      socket.on('data', (bytes: Buffer) => (answer += bytes.toString()))
      socket.on('close', () => resolve(answer))
      socket.on('error', reject)
    })
  }

  it('is refused in the shape of errors, with no code that signs a member out', async () => {
    const url = await start()
    const cases: [bytes: string, status: number, code: string][] = [
      ['GARBAGE\r\n\r\n', 400, 'AUTH_NOT_FOUND'],
      ['BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'AUTH_NOT_FOUND'],
      [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'AUTH_REQUEST_TOO_LARGE'],
      ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n', 400, 'AUTH_NOT_FOUND'],
      [
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
        400,
        'AUTH_NOT_FOUND',
      ],
      ['GET /v1/auth/me HTTP/1.1\r\n\r\n', 400, 'AUTH_NOT_FOUND'],
    ]
    for (const [bytes, status, code] of cases) {
      const answer = await send(url, bytes)
      expect(answer.split('\r\n')[0], bytes.slice(0, 40)).toContain(`HTTP/1.1 ${status} `)
      const [head = '', body = ''] = answer.split('\r\n\r\n')
      expect(head, bytes.slice(0, 40)).toMatch(/\r\ncache-control: no-store\r\n/i)
      expect(JSON.parse(body), bytes.slice(0, 40)).toMatchObject({ code, error: expect.any(String) })
    }
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
  })

  it('is answered if it is HTTP/1.0 without Host, or has an unknown Expect', async () => {
    const url = await start()
    for (const bytes of [
      'GET /v1/auth/me HTTP/1.0\r\n\r\n',
      'GET /v1/auth/me HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nConnection: close\r\n\r\n',
    ]) {
      const answer = await send(url, bytes)
      expect(answer).toMatch(/^HTTP\/1.1 200 /)
      expect(answer).toContain('\r\ncache-control: no-store\r\n')
    }
  })
})
