import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { startEmulator, type Emulator } from '@perennial/emulator'
import express5, { type Express } from 'express'
import express4 from 'express4'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import * as forExpress from '../src/adapters/express.js'
import * as forFastify from '../src/adapters/fastify.js'
import * as web from '../src/adapters/fetch.js'
import { createPerennial } from '../src/compose/create-perennial.js'
import type { Perennial } from '../src/http/perennial.js'
import { createProver } from './kit/proofs.js'

/** The address of the app as its callers see it, and the headers that a proxy in front of it adds. */
interface Place {
  readonly url: string
  readonly forwarded?: Readonly<Record<string, string>>
}

let emulator: Emulator
let perennial: Perennial
beforeAll(async () => {
  emulator = await startEmulator({ adminRequestsPerSecond: 1_000_000 })
})
afterAll(() => emulator.close())
beforeEach(async () => {
  const { appId, secretKey, adminUrl, issuer } = emulator
  perennial = await createPerennial({
    store: 'memory:',
    memberstack: { appId, secretKey, adminUrl, issuer, requestsPerSecond: 1000 },
    dpop: { mode: 'all' },
  })
})
afterEach(() => perennial.close())

async function listening(server: Server): Promise<string> {
  if (!server.listening) await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `http://127.0.0.1:${address.port}`
}

/**
 * Signs in, refreshes and calls a route of the app at `server`, with proofs for the addresses below `place`. Middleware that runs
 * twice for a request checks its proof twice.
 */
async function useAt(server: string, { url, forwarded = {} }: Place, base: string, route: string) {
  const ada = createProver()
  const call = (method: string, path: string, headers: Record<string, string>, body?: object) =>
    fetch(server + path, {
      method,
      headers: { ...forwarded, ...headers, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
  const { accessToken: memberToken } = await emulator.issueTokens()
  const dpop = ada.prove({ htu: `${url}${base}/session` })
  const signedIn = await call('POST', `${base}/session`, { authorization: `Bearer ${memberToken}`, dpop })
  if (signedIn.status !== 201) return [signedIn.status]
  const { refreshToken } = await readTokens(signedIn)
  const refreshProof = ada.prove({ htu: `${url}${base}/refresh-token` })
  const refreshed = await call('POST', `${base}/refresh-token`, { dpop: refreshProof }, { refreshToken })
  const { accessToken } = await readTokens(refreshed)
  const proof = ada.prove({ htm: 'GET', htu: url + route, accessToken })
  const authorization = `DPoP ${accessToken}`
  const got = await call('GET', `${route}?page=2`, { authorization, dpop: proof })
  const repeated = await call('GET', route, { authorization, dpop: proof })
  const bearer = await call('GET', route, { authorization: `Bearer ${accessToken}` })
  return [signedIn.status, refreshed.status, got.status, repeated.status, bearer.status]
}

const app = 'https://app.example.com'

/** The headers of a proxy that asks about a request to the app. */
const askedAbout = {
  'x-forwarded-for': '192.0.2.1',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'app.example.com',
  'x-forwarded-method': 'POST',
  'x-forwarded-uri': '/projects?page=2',
}

/** Asks `GET /v1/auth/verify` with proofs for the request that the proxy asks about, for the question itself, and for another request. */
async function verifyAt(server: string) {
  const ada = createProver()
  const base = `${server}/v1/auth`
  const { accessToken: memberToken } = await emulator.issueTokens()
  const dpop = ada.prove({ htu: `${base}/session` })
  const headers = { authorization: `Bearer ${memberToken}`, dpop }
  const { accessToken } = await readTokens(await fetch(`${base}/session`, { method: 'POST', headers }))
  const ask = async (htm: string, htu: string, forwarded: Readonly<Record<string, string>>) => {
    const proof = ada.prove({ htm, htu, accessToken })
    const all = { authorization: `DPoP ${accessToken}`, dpop: proof, ...forwarded }
    return (await fetch(`${base}/verify`, { headers: all })).status
  }
  const { 'x-forwarded-method': _, ...withoutMethod } = askedAbout
  return {
    asked: await ask('POST', `${app}/projects`, askedAbout),
    itself: await ask('GET', `${base}/verify`, {}),
    itselfAsProxied: await ask('GET', `${app}/v1/auth/verify`, askedAbout),
    otherMethod: await ask('GET', `${app}/projects`, askedAbout),
    withoutMethod: await ask('GET', `${app}/projects`, withoutMethod),
    notAPath: await ask('POST', `${app}/projects`, { ...askedAbout, 'x-forwarded-uri': `${app}/projects` }),
    otherHost: await ask('POST', 'https://evil.example/projects', {
      ...askedAbout,
      'x-forwarded-uri': '@evil.example/projects',
    }),
  }
}

const aboutTheRequest = {
  asked: 204,
  itself: 204,
  itselfAsProxied: 401,
  otherMethod: 401,
  withoutMethod: 401,
  notAPath: 401,
  otherHost: 401,
}
const aboutItself = { ...aboutTheRequest, asked: 401 }

async function readTokens(response: Response): Promise<{ refreshToken: string; accessToken: string }> {
  return await response.json()
}

const accepted = [201, 200, 200, 401, 401]

describe.each([
  ['Express 5', express5],
  ['Express 4', express4],
] as const)('%s', (_name, express) => {
  const start = async (prepare: (app: Express) => void = () => {}) => {
    const [app, api, inner] = [express(), express(), express.Router()]
    prepare(app)
    api.use('/v1/auth', forExpress.authRouter(perennial))
    api.use('/projects', forExpress.authenticate(perennial), inner)
    inner.get('/mine', forExpress.authenticate(perennial), (request, response) => {
      response.json(request.memberstackUser)
    })
    app.use('/api', api)
    return await listening(app.listen(0, '127.0.0.1'))
  }

  it('takes proofs for the address of a mounted app', async () => {
    const url = await start()
    expect(await useAt(url, { url }, '/api/v1/auth', '/api/projects/mine')).toEqual(accepted)
    const inner = { url: `${url}/api` }
    expect(await useAt(url, { url: 'https://evil.example' }, '/api/v1/auth', '/api/projects/mine')).toEqual([
      401,
    ])
    expect(await useAt(`${url}/api`, inner, '/v1/auth', '/projects/mine')).toEqual(accepted)
  })

  it('takes proofs for the address in front of a proxy that it trusts, and of no other', async () => {
    const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'app.example.com' }
    const place = { url: 'https://app.example.com', forwarded }
    const trusting = await start((app) => app.set('trust proxy', 'loopback'))
    expect(await useAt(trusting, place, '/api/v1/auth', '/api/projects/mine')).toEqual(accepted)
    const url = await start()
    expect(await useAt(url, place, '/api/v1/auth', '/api/projects/mine')).toEqual([401])
    expect(await useAt(url, { url, forwarded }, '/api/v1/auth', '/api/projects/mine')).toEqual(accepted)
  })

  it('verifies the request that a proxy asks about, if it trusts the proxy', async () => {
    const mount = (app: Express) => app.use('/v1/auth', forExpress.authRouter(perennial))
    const trusting = await start((app) => mount(app.set('trust proxy', 'loopback')))
    expect(await verifyAt(trusting)).toEqual(aboutTheRequest)
    expect(await verifyAt(await start(mount))).toEqual(aboutItself)
  })
})

describe('Fastify', () => {
  const start = async (trustProxy = false) => {
    const app = Fastify({ trustProxy, forceCloseConnections: true })
    app.register(
      async (api) => {
        api.register(forFastify.perennialAuth, { prefix: '/v1/auth', perennial })
        const onRequest = forFastify.authenticate(perennial)
        api.get('/mine', { onRequest, preHandler: onRequest }, (request) => request.memberstackUser)
      },
      { prefix: '/api' },
    )
    onTestFinished(() => app.close())
    app.register(forFastify.perennialAuth, { prefix: '/v1/auth', perennial })
    return await app.listen({ port: 0, host: '127.0.0.1' })
  }

  it('verifies the request that a proxy asks about, if it trusts the proxy', async () => {
    expect(await verifyAt(await start(true))).toEqual(aboutTheRequest)
    expect(await verifyAt(await start())).toEqual(aboutItself)
  })

  it('takes proofs for the address of its prefix', async () => {
    const url = await start()
    expect(await useAt(url, { url }, '/api/v1/auth', '/api/mine')).toEqual(accepted)
    expect(await useAt(url, { url: `${url}/api` }, '/api/v1/auth', '/api/mine')).toEqual([401])
  })

  it('takes proofs for the address in front of a proxy that it trusts, and of no other', async () => {
    const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'app.example.com' }
    const place = { url: 'https://app.example.com', forwarded }
    expect(await useAt(await start(true), place, '/api/v1/auth', '/api/mine')).toEqual(accepted)
    expect(await useAt(await start(), place, '/api/v1/auth', '/api/mine')).toEqual([401])
  })
})

describe('Hono', () => {
  const start = async (app: Hono) => {
    const listener = getRequestListener(app.fetch)
    return await listening(
      createServer((request, response) => void listener(request, response)).listen(0, '127.0.0.1'),
    )
  }
  const member = async (request: Request, url?: string) => {
    const [, again] = [
      await web.authenticate(perennial, request, { url }),
      await web.authenticate(perennial, request, { url }),
    ]
    return again instanceof Response ? again : Response.json(again.user)
  }

  it('takes proofs for the address of its base path', async () => {
    const app = new Hono().basePath('/api')
    const handle = web.createFetchHandler(perennial, { basePath: '/api/v1/auth' })
    app.all('/v1/auth/*', (context) => handle(context.req.raw))
    app.get('/mine', (context) => member(context.req.raw))
    const url = await start(app)
    expect(await useAt(url, { url }, '/api/v1/auth', '/api/mine')).toEqual(accepted)
  })

  it('verifies the request that a proxy asks about, if the app says that it comes from a proxy of its own', async () => {
    const started = async (isProxied?: () => boolean) => {
      const hono = new Hono()
      const url = (request: Request) =>
        request.headers.has('x-forwarded-host') ? app + new URL(request.url).pathname : request.url
      const handle = web.createFetchHandler(perennial, { url, isProxied })
      hono.all('/v1/auth/*', (context) => handle(context.req.raw))
      return await start(hono)
    }
    expect(await verifyAt(await started(() => true))).toEqual(aboutTheRequest)
    // The address is the app's own matter here, also without a proxy that is trusted.
    const itself = { ...aboutItself, itselfAsProxied: 204 }
    expect(await verifyAt(await started(() => false))).toEqual(itself)
    expect(await verifyAt(await started())).toEqual(itself)
  })

  it('takes proofs for the address that the app names, if it is not that of the request', async () => {
    const seen = (request: Request) => {
      const { pathname } = new URL(request.url)
      return `https://app.example.com${pathname.startsWith('/v1/auth') ? pathname : `/v1/auth${pathname}`}`
    }
    const app = new Hono()
    const handle = web.createFetchHandler(perennial, { basePath: '', url: (request) => seen(request) })
    // A mounted handler sees the address without the path at which it is mounted.
    app.mount('/v1/auth', (request) => handle(request))
    app.get('/mine', (context) => member(context.req.raw, 'https://app.example.com/mine'))
    const url = await start(app)
    expect(await useAt(url, { url: 'https://app.example.com' }, '/v1/auth', '/mine')).toEqual(accepted)
    expect(await useAt(url, { url }, '/v1/auth', '/mine')).toEqual([401])
  })
})
