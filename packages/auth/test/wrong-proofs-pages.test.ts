import { getRequestListener } from '@hono/node-server'
import { Hono, type Context, type MiddlewareHandler } from 'hono'
import { describe, expect, it } from 'vitest'
import { createAstroPages } from '../src/adapters/astro.js'
import { authenticate, createFetchHandler } from '../src/adapters/fetch.js'
import { createPages } from '../src/adapters/pages.js'
import type { Perennial } from '../src/http/perennial.js'
import { openStore } from '../src/stores/index.js'
import { createFakeTime } from './kit/fake-time.js'
import { createMemberstackApp } from './kit/memberstack-app.js'
import {
  callWithProofs,
  createProofClient,
  createWaysBySession,
  type ProvenCall,
  type ProvenTokens,
} from './kit/proof-client.js'
import { refuseEveryWrongProof, type ProofWay } from './kit/proof-ways.js'
import { createProver } from './kit/proofs.js'
import { listen } from './kit/servers.js'
import { proofFor, wrongProofs } from './kit/wrong-proofs.js'

const timeout = 120_000
const clientAddress = () => '192.0.2.1'
const unlimited = { ipPerMinute: 1e6, ipTotalPerMinute: 1e6, sessionPerMinute: 1e6 }

/** The middleware of a site, and the member that a page behind it sees. */
interface SiteParts {
  readonly middleware: MiddlewareHandler
  readonly memberOf: (context: Context) => unknown
}

const sites: Readonly<Record<string, (perennial: Perennial) => SiteParts>> = {
  pages(perennial) {
    const pages = createPages(perennial, { clientAddress })
    return {
      middleware: async (context, next) => {
        context.res = await pages.handle(context.req.raw, async (renewed) => {
          context.req.raw = renewed
          await next()
          return context.res
        })
      },
      memberOf: (context) => pages.memberOf(context.req.raw),
    }
  },
  'pages of Astro'(perennial) {
    const { onRequest } = createAstroPages(perennial)
    const seen = new WeakMap<Context, { member?: unknown }>()
    return {
      middleware: async (context, next) => {
        const locals = {}
        seen.set(context, locals)
        const request = context.req.raw
        const around = { request, locals, isPrerendered: false, clientAddress: clientAddress() }
        context.res = await onRequest(around, async (rewrite = request) => {
          context.req.raw = rewrite
          await next()
          return context.res
        })
      },
      memberOf: (context) => seen.get(context)?.member ?? null,
    }
  },
}

/** A site whose middleware runs before all of its routes. */
async function startSite(perennial: Perennial, parts: (perennial: Perennial) => SiteParts): Promise<string> {
  const { middleware, memberOf } = parts(perennial)
  const app = new Hono()
  app.use('*', middleware)
  const handle = createFetchHandler(perennial, { clientAddress })
  app.all('/v1/auth/*', (context) => handle(context.req.raw))
  app.get('/page', async (context) => context.json({ member: await memberOf(context) }))
  app.get('/projects', async (context) => {
    const member = await authenticate(perennial, context.req.raw)
    return member instanceof Response ? member : context.json(member.user)
  })
  const listener = getRequestListener(app.fetch)
  return (await listen((request, response) => void listener(request, response))).origin
}

/**
 * A site with cookies on the store of an app without them, whose client has a key: a session that is bound to a key of DPoP may come in a
 * cookie after a change of the transport, or in the hands of a thief.
 */
async function setUp(parts: (perennial: Perennial) => SiteParts) {
  const world = createFakeTime(Math.floor(Date.now() / 1000))
  const { clock } = world
  const store = await openStore('memory:', { clock })
  const shared = {
    store,
    clock,
    refreshGraceSeconds: 0,
    rateLimits: unlimited,
    maxSessionsPerMember: 1000,
    emulator: { adminRequestsPerSecond: 1e6 },
    memberstack: { requestsPerSecond: 1000 },
  }
  const issuer = await createMemberstackApp({ ...shared, dpop: { mode: 'all' } })
  const site = await createMemberstackApp({ ...shared, refreshTokenTransport: 'cookie', pages: true })
  const routes = createFetchHandler(issuer.perennial, { clientAddress })
  const listener = getRequestListener(routes)
  const server = (await listen((request, response) => void listener(request, response))).origin
  const url = await startSite(site.perennial, parts)
  const issueMemberToken = async () => (await issuer.emulator.issueTokens()).accessToken
  const client = createProofClient({ server, issueMemberToken, clock })
  const call = (route: string, { headers, ...rest }: ProvenCall) => {
    const [method = '', path = ''] = route.split(' ')
    return callWithProofs(method, url + path, {
      headers: { origin: url, 'x-csrf': '1', ...headers },
      ...rest,
    })
  }
  const pass = (seconds: number) => world.setClock(world.now + seconds)
  return { client, site, issuer, url, call, pass }
}

type World = Awaited<ReturnType<typeof setUp>>

/** Signs in several times, and lets the time pass in which a request with a cookie may come without its key. */
async function signInEarly({ client, pass }: World, count: number): Promise<() => Promise<ProvenTokens>> {
  const early: ProvenTokens[] = []
  for (let turn = 0; turn < count; turn++) early.push(await client.signIn())
  pass(181)
  return async () => early.shift() ?? (await client.signIn())
}

/** Returns the ways by which a refresh token in a cookie comes in. */
function cookieWays(world: World, signIn: () => Promise<ProvenTokens>): readonly ProofWay[] {
  const bySession = createWaysBySession(signIn)
  const way = (route: string, accepted: number, isEnding: boolean): ProofWay => ({
    name: `${route} by cookie`,
    use: 'refresh token',
    accepted,
    prepare: bySession(isEnding, (tokens) => {
      const [htm = '', path = ''] = route.split(' ')
      const headers = { cookie: `__Host-perennial=${tokens.refreshToken}` }
      return {
        request: { htm, htu: world.url + path },
        send: (dpop) => world.call(route, { headers, dpop }),
      }
    }),
  })
  return [way('POST /v1/auth/refresh-token', 200, false), way('DELETE /v1/auth/session', 204, true)]
}

describe.each(Object.entries(sites))('every wrong proof behind %s', (_name, parts) => {
  it('is refused with an access token', { timeout }, async () => {
    const { client, site, url } = await setUp(parts)
    for (const route of ['GET /projects', 'GET /v1/auth/me', 'GET /v1/auth/sessions']) {
      const way = client.accessWay(route, 200, { server: url })
      await refuseEveryWrongProof(way, { client, events: site.recorder.events })
    }
  })

  it('is refused with a refresh token in a cookie', { timeout }, async () => {
    const world = await setUp(parts)
    const { client, site } = world
    const signIn = await signInEarly(world, 100)
    for (const way of cookieWays(world, signIn))
      await refuseEveryWrongProof(way, { client, events: site.recorder.events })
  })

  it('shows no member, as a right one does, and rotates and ends nothing', { timeout }, async () => {
    const world = await setUp(parts)
    const { client, site, issuer, url, call } = world
    const tokens = await (await signInEarly(world, 1))()
    const access = `__Host-perennial-access=${tokens.accessToken}`
    const headers = { cookie: `__Host-perennial=${tokens.refreshToken}; ${access}` }
    const request = { htm: 'GET', htu: `${url}/page`, accessToken: tokens.accessToken }
    const used = proofFor({ ...client, request, now: client.clock() })
    const material = { ...client, stranger: createProver(), request, used, now: client.clock() }
    const rows = [...wrongProofs, { name: 'a right proof', headers: () => [used] }]
    for (const { name, headers: dpopOf } of rows) {
      const answer = await call('GET /page', { headers, dpop: dpopOf(material) })
      expect(answer, name).toMatchObject({ status: 200, cookies: [], body: { member: null } })
      const ofRoute = await call('GET /projects', { headers: { cookie: access }, dpop: dpopOf(material) })
      expect(ofRoute, name).toMatchObject({
        status: 401,
        challenge: 'DPoP algs="ES256", error="invalid_token"',
        body: { code: 'AUTH_PROOF_INVALID' },
      })
    }
    expect(new Set(site.recorder.events.map(({ event }) => event))).toEqual(new Set(['proof_refused']))
    const refresh = { htm: 'POST', htu: `${url}/v1/auth/refresh-token` }
    world.pass(1801)
    const proof = proofFor({ ...client, request: refresh, now: client.clock() })
    const renewed = await call('POST /v1/auth/refresh-token', { headers, dpop: [proof] })
    expect(renewed.status).toBe(200)
    expect(renewed.cookies.join()).toContain('__Host-perennial=')
    expect(issuer.recorder.events.map(({ event }) => event)).toEqual(['session_created'])
  })

  it('is not looked at for a member whose session is not bound', async () => {
    const { client, site, url, call } = await setUp(parts)
    const { headers: signedIn } = await site.signIn('mem_bob', {
      headers: { origin: 'http://app.example', 'sec-fetch-site': 'same-origin', 'x-csrf': '1' },
    })
    const cookie = signedIn
      .getSetCookie()
      .map((line) => line.split(';', 1)[0])
      .join('; ')
    const request = { htm: 'GET', htu: `${url}/page` }
    const material = { ...client, stranger: createProver(), request, used: 'x', now: client.clock() }
    for (const { name, headers } of wrongProofs) {
      const answer = await call('GET /page', { headers: { cookie }, dpop: headers(material) })
      expect(answer.body, name).toMatchObject({ member: { email: 'bob@example.com' } })
    }
  })
})
