import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import express5 from 'express'
import express4 from 'express4'
import Fastify from 'fastify'
import { Hono, type Context } from 'hono'
import { describe, expect, it, onTestFinished } from 'vitest'
import { authRouter } from '../src/adapters/express.js'
import { perennialAuth } from '../src/adapters/fastify.js'
import { createFetchHandler } from '../src/adapters/fetch.js'
import { createPages } from '../src/adapters/pages.js'
import type { Perennial } from '../src/http/perennial.js'
import { boundCookieIn, proveDevice, type DeviceProofChange } from './kit/device-browser.js'
import { createFakeTime } from './kit/fake-time.js'
import { createMemberstackApp } from './kit/memberstack-app.js'
import { startPrefixProxy } from './kit/proxied-app.js'
import { createProver, type Prover } from './kit/proofs.js'

/** Each of these starts a server and makes dozens of requests. */
const timeout = 60_000

const longCookie = '__Host-perennial'
const refused = { status: 401, code: 'AUTH_PROOF_INVALID' }

/** A way to mount the routes. `prefix` is where a browser finds them, and does not end in a slash. */
interface PrefixMount {
  readonly name: string
  readonly prefix: string
  readonly start: (perennial: Perennial) => Promise<string>
}

async function addressOf(server: Server): Promise<string> {
  if (!server.listening) await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `http://127.0.0.1:${address.port}`
}

const onExpress =
  (express: typeof express5, at: string, inner?: string) =>
  async (perennial: Perennial): Promise<string> => {
    const app = express()
    const routes = authRouter(perennial)
    app.use(at, inner === undefined ? routes : express.Router().use(inner, routes))
    return await addressOf(app.listen(0, '127.0.0.1'))
  }

const onFastify =
  (prefix: string, inner?: string) =>
  async (perennial: Perennial): Promise<string> => {
    const app = Fastify({ forceCloseConnections: true })
    if (inner === undefined) app.register(perennialAuth, { prefix, perennial })
    else
      app.register(
        async (scope) => {
          scope.register(perennialAuth, { prefix: inner, perennial })
        },
        { prefix },
      )
    onTestFinished(() => app.close())
    return await app.listen({ port: 0, host: '127.0.0.1' })
  }

const onHono =
  (prefix: string, hasPages = false) =>
  async (perennial: Perennial): Promise<string> => {
    const app = new Hono()
    const clientAddress = (_request: Request, _context: Context) => '192.0.2.1'
    const handle = createFetchHandler(perennial, { basePath: prefix, clientAddress })
    if (hasPages) {
      const pages = createPages(perennial)
      app.use('*', async (context, next) => {
        context.res = await pages.handle(context.req.raw, async (renewed) => {
          context.req.raw = renewed
          await next()
          return context.res
        })
      })
    }
    app.all(`${prefix}/*`, (context) => handle(context.req.raw, context))
    const listener = getRequestListener(app.fetch)
    return await addressOf(
      createServer((request, response) => void listener(request, response)).listen(0, '127.0.0.1'),
    )
  }

const behindProxy =
  (prefix: string, start: PrefixMount['start']) =>
  async (perennial: Perennial): Promise<string> =>
    await startPrefixProxy(await start(perennial), prefix)

const mounts: readonly PrefixMount[] = [
  { name: 'Express 5', prefix: '/v1/auth', start: onExpress(express5, '/v1/auth') },
  { name: 'Express 5', prefix: '/members', start: onExpress(express5, '/members') },
  { name: 'Express 5', prefix: '', start: onExpress(express5, '/') },
  { name: 'Express 5, in a router', prefix: '/api/v2/auth', start: onExpress(express5, '/api/v2', '/auth') },
  { name: 'Express 4', prefix: '/members', start: onExpress(express4, '/members') },
  { name: 'Fastify', prefix: '/v1/auth', start: onFastify('/v1/auth') },
  { name: 'Fastify', prefix: '/members', start: onFastify('/members') },
  { name: 'Fastify, in a plugin', prefix: '/api/v2/auth', start: onFastify('/api/v2', '/auth') },
  { name: 'fetch (Hono)', prefix: '/v1/auth', start: onHono('/v1/auth') },
  { name: 'fetch (Hono)', prefix: '/members', start: onHono('/members') },
  { name: 'fetch (Hono) with pages', prefix: '/v1/auth', start: onHono('/v1/auth', true) },
  { name: 'fetch (Hono) with pages', prefix: '/members', start: onHono('/members', true) },
  {
    name: 'Express 5 behind a proxy that removes its prefix',
    prefix: '/app/v1/auth',
    start: behindProxy('/app', onExpress(express5, '/v1/auth')),
  },
  {
    name: 'Fastify behind a proxy that removes its prefix',
    prefix: '/app/v1/auth',
    start: behindProxy('/app', onFastify('/v1/auth')),
  },
  {
    name: 'fetch (Hono) behind a proxy that removes its prefix',
    prefix: '/app/v1/auth',
    start: behindProxy('/app', onHono('/v1/auth')),
  },
]

interface Answer {
  readonly status: number
  readonly code: unknown
  readonly body: Readonly<Record<string, unknown>>
  readonly headers: Headers
}

/** A browser that knows the address of the sign-in, and finds the others as Chromium does: relative to the request that named them. */
function createBrowser(signInUrl: string, issue: (memberId: string) => Promise<string>) {
  const cookies = new Map<string, string>()
  const prover = createProver()
  const state = { registerUrl: '', refreshUrl: '', challenge: '', identifier: '', boundCookie: '' }
  const { origin } = new URL(signInUrl)
  const page = { 'x-csrf': '1', origin, 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'empty' }

  const call = async (
    method: string,
    url: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> => {
    const cookie = Array.from(cookies, ([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, { method, headers: { ...(cookie && { cookie }), ...headers } })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = '', rest = ''] = /^([^=]+)=([^;]*);(.*)$/.exec(line) ?? []
      if (/Max-Age=0;/.test(rest)) cookies.delete(name)
      else cookies.set(name, value)
    }
    const text = await response.text()
    const body: Record<string, unknown> = text.startsWith('{') ? JSON.parse(text) : {}
    return { status: response.status, code: body['code'], body, headers: response.headers }
  }
  const prove = (challenge: string, { prover: other = prover, ...change }: DeviceProofChange = {}) =>
    proveDevice(other, change.challenge ?? challenge, change)
  const browser = {
    cookies,
    prover,
    state,
    call,
    prove,
    page,
    routeOf: (path: string) => new URL(path, signInUrl).href,
    async signIn(memberId = 'mem_ada') {
      const token = await issue(memberId)
      const answer = await call('POST', signInUrl, { ...page, authorization: `Bearer ${token}` })
      const header = answer.headers.get('secure-session-registration') ?? ''
      const [, path = '', challenge = ''] = /path="([^"]+)";challenge="([^"]+)"/.exec(header) ?? []
      Object.assign(state, { registerUrl: new URL(path, signInUrl).href, challenge })
      return answer
    },
    async register(change: DeviceProofChange = {}) {
      const proof = prove(state.challenge, change)
      const answer = await call('POST', state.registerUrl, { 'secure-session-response': proof })
      if (answer.status !== 200) return answer
      const { session_identifier: identifier, refresh_url: path } = answer.body
      Object.assign(state, {
        identifier: String(identifier),
        boundCookie: boundCookieIn(answer.body),
        refreshUrl: new URL(String(path), state.registerUrl).href,
      })
      return answer
    },
    ask: (identifier = state.identifier) =>
      call('POST', state.refreshUrl, { 'sec-secure-session-id': `"${identifier}"` }),
    answer: (challenge: string, change: DeviceProofChange = {}) => {
      const header = { jwk: undefined, ...change.header }
      return call('POST', state.refreshUrl, {
        'sec-secure-session-id': `"${state.identifier}"`,
        'secure-session-response': prove(challenge, { ...change, header }),
      })
    },
    async renew() {
      const { headers } = await browser.ask()
      const [, challenge = ''] = /^"([^"]+)";id=/.exec(headers.get('secure-session-challenge') ?? '') ?? []
      return await browser.answer(challenge)
    },
    refresh: () => call('POST', browser.routeOf('refresh-token'), page),
  }
  return browser
}

async function setUp({ prefix, start, name }: PrefixMount) {
  const world = createFakeTime(Math.floor(Date.now() / 1000))
  const app = await createMemberstackApp({
    clock: world.clock,
    refreshGraceSeconds: 0,
    refreshTokenTransport: 'cookie',
    deviceBoundSessions: true,
    pages: name.includes('pages'),
  })
  const url = await start(app.perennial)
  const create = () =>
    createBrowser(
      `${url}${prefix}/session`,
      async (memberId) => (await app.emulator.issueTokens({ memberId })).accessToken,
    )
  const events = (wanted: string) => app.recorder.events.filter(({ event }) => event === wanted)
  return { create, events, pass: (seconds: number) => world.setClock(world.now + seconds) }
}

const titleOf = ({ name, prefix }: PrefixMount) => `${name}, at ${prefix || '/'}`

describe.each(mounts)('a browser with a key on $name at "$prefix"', (mount) => {
  it(
    'finds the routes, is bound, renews its cookie, and leaves a copy worth nothing',
    { timeout },
    async () => {
      const { create, events, pass } = await setUp(mount)
      const browser = create()
      expect(await browser.signIn(), titleOf(mount)).toMatchObject({ status: 201 })
      expect(await browser.register()).toMatchObject({ status: 200 })
      expect(await browser.refresh()).toMatchObject({ status: 200 })
      const thief = create()
      for (const [name, value] of browser.cookies) thief.cookies.set(name, value)
      thief.cookies.delete(browser.state.boundCookie)
      pass(1801)
      expect(await thief.refresh()).toMatchObject(refused)
      expect(await thief.call('DELETE', thief.routeOf('session'), thief.page)).toMatchObject(refused)
      expect(await browser.renew()).toMatchObject({ status: 200 })
      const before = browser.cookies.get(longCookie)
      expect(await browser.refresh()).toMatchObject({ status: 200 })
      expect(browser.cookies.get(longCookie)).not.toBe(before)
      expect(events('session_revoked')).toEqual([])
      expect(await browser.call('DELETE', browser.routeOf('session'), browser.page)).toMatchObject({
        status: 204,
      })
      expect((await browser.ask()).body['continue']).toBe(false)
    },
  )
})

type Browser = ReturnType<typeof createBrowser>

/** A request that an attacker or an odd browser sends, and its answer. */
interface OddRequest {
  readonly name: string
  readonly send: (browser: Browser, other: Browser) => Promise<Answer>
  readonly expected: object
}

const header = 'secure-session-response'
const registering = (proof: string, browser: Browser) =>
  browser.call('POST', browser.state.registerUrl, { [header]: proof })
const over = { status: 200, body: { continue: false } }

/** The proof of a browser, by another key than its own. */
const withKey = (prover: Prover) => ({ prover })

const oddRequests: readonly OddRequest[] = [
  {
    name: 'a registration without a proof',
    send: (browser) => browser.call('POST', browser.state.registerUrl),
    expected: refused,
  },
  ...['', 'x', 'a.b.c', '""', `"${'x'.repeat(50)}"`, '{"alg":"ES256"}', 'e30.e30.e30'].map((proof) => ({
    name: `a registration with the proof ${proof}`,
    send: (browser: Browser) => registering(proof, browser),
    expected: refused,
  })),
  {
    name: 'a registration with a proof of 12,000 characters',
    send: (browser) =>
      registering(browser.prove(browser.state.challenge, { claims: { x: 'x'.repeat(9000) } }), browser),
    expected: refused,
  },
  {
    name: 'a registration with two proofs',
    send: (browser) => {
      const proof = browser.prove(browser.state.challenge)
      return registering(`${proof}, ${proof}`, browser)
    },
    expected: refused,
  },
  ...['none', 'HS256', 'RS256', 'ES384', 'es256'].map((alg) => ({
    name: `a registration by ${alg}`,
    send: (browser: Browser) => browser.register({ header: { alg } }),
    expected: refused,
  })),
  {
    name: 'a registration with a private key',
    send: (browser) => browser.register({ header: { jwk: { ...browser.prover.jwk, d: 'AA' } } }),
    expected: refused,
  },
  {
    name: 'a registration for the session of another member',
    send: (browser, other) => browser.register({ challenge: other.state.challenge }),
    expected: refused,
  },
  {
    name: 'a registration with another cookie than that of the challenge',
    send: async (browser, other) => {
      const proof = browser.prove(browser.state.challenge)
      return await registering(proof, other)
    },
    expected: refused,
  },
  {
    name: 'a registration with a body that is too large',
    send: async (browser) => {
      const response = await fetch(browser.state.registerUrl, {
        method: 'POST',
        headers: { [header]: browser.prove(browser.state.challenge) },
        body: 'x'.repeat(20_000),
      })
      const body: Record<string, unknown> = JSON.parse(await response.text())
      return { status: response.status, code: body['code'], body, headers: response.headers }
    },
    expected: { status: 413, code: 'AUTH_REQUEST_TOO_LARGE' },
  },
  ...['GET', 'PUT', 'DELETE'].map((method) => ({
    name: `a registration by ${method}`,
    send: (browser: Browser) =>
      browser.call(method, browser.state.registerUrl, { [header]: browser.prove(browser.state.challenge) }),
    expected: { status: 405 },
  })),
  {
    name: 'a registration whose refresh token comes twice',
    send: (browser) =>
      browser.call('POST', browser.state.registerUrl, {
        cookie: `${longCookie}=${browser.cookies.get(longCookie)}; ${longCookie}=x`,
        [header]: browser.prove(browser.state.challenge),
      }),
    expected: refused,
  },
  {
    name: 'a renewal of an unknown session',
    send: (browser) =>
      browser.call('POST', browser.routeOf('dbsc/refresh'), { 'sec-secure-session-id': '"x"' }),
    expected: over,
  },
  {
    name: 'a renewal without the name of a session',
    send: (browser) => browser.call('POST', browser.routeOf('dbsc/refresh')),
    expected: over,
  },
]

const oddOfBound: readonly OddRequest[] = [
  {
    name: 'the registration again',
    send: (browser) => browser.register(),
    expected: refused,
  },
  {
    name: 'a renewal of the session of another member',
    send: (browser, other) => browser.ask(other.state.identifier),
    expected: over,
  },
  {
    name: 'a renewal by another key',
    send: async (browser, other) => {
      const { headers } = await browser.ask()
      const [, challenge = ''] = /^"([^"]+)"/.exec(headers.get('secure-session-challenge') ?? '') ?? []
      return await browser.answer(challenge, withKey(other.prover))
    },
    expected: refused,
  },
  {
    name: 'a renewal with the challenge of another member',
    send: async (browser, other) => {
      const { headers } = await other.ask()
      const [, challenge = ''] = /^"([^"]+)"/.exec(headers.get('secure-session-challenge') ?? '') ?? []
      return await browser.answer(challenge)
    },
    expected: refused,
  },
  {
    name: 'a refresh whose short cookie comes twice',
    send: (browser) => {
      const long = `${longCookie}=${browser.cookies.get(longCookie)}`
      const { boundCookie } = browser.state
      const short = `${boundCookie}=${browser.cookies.get(boundCookie)}`
      const headers = { ...browser.page, cookie: `${long}; ${short}; ${short}` }
      return browser.call('POST', browser.routeOf('refresh-token'), headers)
    },
    expected: { status: 503, code: 'AUTH_TOKEN_REFRESH_FAILED' },
  },
  {
    name: 'a refresh with the short cookie of another member',
    send: (browser, other) => {
      const long = `${longCookie}=${browser.cookies.get(longCookie)}`
      const headers = {
        ...browser.page,
        cookie: `${long}; ${browser.state.boundCookie}=${other.cookies.get(other.state.boundCookie)}`,
      }
      return browser.call('POST', browser.routeOf('refresh-token'), headers)
    },
    expected: refused,
  },
  {
    name: 'a refresh from another site',
    send: (browser) =>
      browser.call('POST', browser.routeOf('refresh-token'), {
        'x-csrf': '1',
        origin: 'https://evil.example',
      }),
    expected: { status: 403, code: 'AUTH_ORIGIN_DENIED' },
  },
]

describe.each(
  mounts.filter(
    ({ prefix, name }) => prefix === '/members' || (prefix === '/v1/auth' && name === 'Express 5'),
  ),
)('an attacker or an odd browser on $name at "$prefix"', (mount) => {
  it(
    'gets the documented answers, binds, rotates and ends nothing, and leaves the browser its key',
    { timeout },
    async () => {
      const { create, events } = await setUp(mount)
      const [browser, other] = [create(), create()]
      await browser.signIn()
      await other.signIn('mem_bob')
      const long = browser.cookies.get(longCookie)
      for (const { name, send, expected } of oddRequests) {
        const answer = await send(browser, other)
        expect(answer, name).toMatchObject(expected)
        expect(answer.headers.getSetCookie(), name).toEqual([])
      }
      expect(await browser.register()).toMatchObject({ status: 200 })
      expect(await other.register()).toMatchObject({ status: 200 })
      for (const one of [browser, other]) expect(await one.refresh()).toMatchObject({ status: 200 })
      for (const { name, send, expected } of oddOfBound) {
        const answer = await send(browser, other)
        expect(answer, name).toMatchObject(expected)
        expect(answer.headers.getSetCookie(), name).toEqual([])
      }
      expect(browser.cookies.get(longCookie)).toBe(long)
      for (const one of [browser, other]) expect(await one.renew()).toMatchObject({ status: 200 })
      for (const one of [browser, other]) expect(await one.refresh()).toMatchObject({ status: 200 })
      expect(events('session_revoked')).toEqual([])
      expect(events('session_reuse_detected')).toEqual([])
    },
  )

  it('needs no Origin for the requests that it makes by itself', { timeout }, async () => {
    const { create } = await setUp(mount)
    const browser = create()
    await browser.signIn()
    // `register` and `renew` send neither `Origin` nor `X-CSRF`; a browser may send an opaque origin.
    const opaque = { origin: 'null', [header]: browser.prove(browser.state.challenge) }
    expect(await browser.call('POST', browser.state.registerUrl, opaque)).toMatchObject({ status: 200 })
  })
})
