import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import { getRequestListener } from '@hono/node-server'
import { createPerennial, type Authenticated, type Perennial } from '@perennial/auth'
import * as forExpress from '@perennial/auth/express'
import * as forFastify from '@perennial/auth/fastify'
import * as forFetch from '@perennial/auth/fetch'
import { startEmulator, type Emulator } from '@perennial/emulator'
import express, { type ErrorRequestHandler, type Handler } from 'express'
import Fastify from 'fastify'
import { Hono, type Context } from 'hono'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeAdapter, type StartApp } from './adapters.contract.js'

// Express 4 under a name of its own brings no types; what we use of it has the shape of Express 5.
const express4: typeof express = createRequire(import.meta.url)('express4')

const tooLate = { theirs: 'too late' }

const broken = () => {
  throw new Error('the app broke')
}

async function listening(server: Server): ReturnType<StartApp> {
  if (!server.listening) await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not a TCP server')
  return {
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function startExpress(framework: typeof express, ...parsers: Handler[]): StartApp {
  const { authRouter, authenticate, jwks, memberstackWebhook, requireRoles } = forExpress
  return (perennial) => {
    const app = framework()
    app.use('/v1/webhooks/memberstack', memberstackWebhook(perennial))
    app.use(...(parsers.length > 0 ? parsers : ([(_request, _response, next) => next()] satisfies Handler[])))
    app.use('/v1/auth', authRouter(perennial))
    const answer: Handler = (request, response) =>
      void response.json({ user: request.memberstackUser, claims: request.memberstackUserRaw })
    app.all('/projects', authenticate(perennial), answer)
    app.get('/staff', authenticate(perennial), requireRoles('staff'), answer)
    app.get('/admin', authenticate(perennial), requireRoles('owner', 'admin'), answer)
    app.get('/broken', authenticate(perennial), broken)
    const impatient: Handler = (_request, response, next) => {
      next()
      response.status(503).json(tooLate)
    }
    app.get('/hasty', impatient, authenticate(perennial), answer)
    app.get('/.well-known/jwks.json', jwks(perennial))
    const theirs: ErrorRequestHandler = (error: Error, _request, response, _next) =>
      void response.status(500).json({ theirs: error.message })
    app.use(theirs)
    return listening(app.listen(0, '127.0.0.1'))
  }
}

const startFastify: StartApp = async (perennial) => {
  const { authenticate, jwks, perennialAuth, perennialWebhook, requireRoles } = forFastify
  const app = Fastify({ forceCloseConnections: true })
  app.register(perennialAuth, { prefix: '/v1/auth', perennial })
  app.register(perennialWebhook, { prefix: '/v1/webhooks/memberstack', perennial })
  app.setErrorHandler((error: Error, _request, reply) => reply.code(500).send({ theirs: error.message }))
  app.register((scope, _options, done) => {
    const member = authenticate(perennial)
    const answer = (request: { memberstackUser?: unknown; memberstackUserRaw?: unknown }) => ({
      user: request.memberstackUser,
      claims: request.memberstackUserRaw,
    })
    scope.all('/projects', { onRequest: member }, answer)
    scope.get('/staff', { preHandler: [member, requireRoles('staff')] }, answer)
    scope.get('/admin', { preHandler: [member, requireRoles('owner', 'admin')] }, answer)
    scope.get('/broken', { preHandler: member }, broken)
    const impatient: forFastify.AuthHook = (_request, reply, next) => {
      next()
      reply.code(503).send(tooLate)
    }
    scope.get('/hasty', { preHandler: [impatient, member] }, answer)
    scope.get('/.well-known/jwks.json', jwks(perennial))
    done()
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return { url, close: () => app.close() }
}

const startHono: StartApp = (perennial) => {
  const { authenticate, createFetchHandler, createJwksHandler, createWebhookHandler, requireRoles } = forFetch
  type Env = { Variables: { member: Authenticated } }
  const app = new Hono<Env>()
  const handle = createFetchHandler(perennial)
  const webhook = createWebhookHandler(perennial)
  app.all('/v1/auth/*', (context) => handle(context.req.raw))
  app.all('/v1/webhooks/memberstack', (context) => webhook(context.req.raw))
  app.get('/.well-known/jwks.json', createJwksHandler(perennial))
  app.use('/hasty', (context, next) => Promise.race([next(), Promise.resolve(context.json(tooLate, 503))]))
  app.use('/*', async (context, next) => {
    const member = await authenticate(perennial, context.req.raw)
    if (member instanceof Response) return member
    context.set('member', member)
    await next()
    return undefined
  })
  const answer = (context: Context<Env>) => {
    const { user, claims } = context.get('member')
    return context.json({ user, claims })
  }
  app.all('/projects', answer)
  app.get('/staff', (context) => requireRoles(perennial, context.get('member'), 'staff') ?? answer(context))
  app.get('/admin', (context) => {
    return requireRoles(perennial, context.get('member'), 'owner', 'admin') ?? answer(context)
  })
  app.get('/broken', broken)
  app.onError((error, context) => context.json({ theirs: error.message }, 500))
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false })
  return listening(
    createServer((request, response) => void listener(request, response)).listen(0, '127.0.0.1'),
  )
}

/** As a Next.js route handler has it: a function of a `Request`, and a `switch` for the addresses. */
function bareRoutes(perennial: Perennial): (request: Request) => Promise<Response> {
  const { authenticate, createFetchHandler, createJwksHandler, createWebhookHandler, requireRoles } = forFetch
  const handle = createFetchHandler(perennial, { clientAddress: () => '192.0.2.1' })
  const webhook = createWebhookHandler(perennial)
  const jwks = createJwksHandler(perennial)
  const serveMember = async (request: Request, pathname: string): Promise<Response> => {
    const member = await authenticate(perennial, request)
    if (member instanceof Response) return member
    const refusal =
      (pathname === '/staff' && requireRoles(perennial, member, 'staff')) ||
      (pathname === '/admin' && requireRoles(perennial, member, 'owner', 'admin'))
    if (refusal) return refusal
    if (pathname === '/broken') broken()
    return Response.json({ user: member.user, claims: member.claims })
  }
  return async (request) => {
    const { pathname } = new URL(request.url)
    if (pathname === '/.well-known/jwks.json') return jwks()
    if (pathname === '/v1/webhooks/memberstack') return webhook(request)
    if (pathname.startsWith('/v1/auth')) return handle(request)
    const served = serveMember(request, pathname)
    if (pathname !== '/hasty') return served
    return Promise.race([served, Promise.resolve(Response.json(tooLate, { status: 503 }))])
  }
}

const startBare: StartApp = (perennial) => {
  const listener = getRequestListener(bareRoutes(perennial), {
    overrideGlobalObjects: false,
    errorHandler: (error) =>
      Response.json({ theirs: error instanceof Error ? error.message : '' }, { status: 500 }),
  })
  return listening(
    createServer((request, response) => void listener(request, response)).listen(0, '127.0.0.1'),
  )
}

describeAdapter('Express 5', startExpress(express))
describeAdapter('Express 4', startExpress(express4))
describeAdapter('Express 5 after express.json()', startExpress(express, express.json()), { bodyParser: true })
describeAdapter('Express 4 after express.json()', startExpress(express4, express4.json()), {
  bodyParser: true,
})
describeAdapter('Fastify', startFastify)
describeAdapter('fetch, in Hono', startHono)
describeAdapter('fetch, bare', startBare)

describe('createFetchHandler', () => {
  let emulator: Emulator
  let perennial: Perennial
  beforeAll(async () => {
    emulator = await startEmulator()
    const { appId, secretKey, adminUrl } = emulator
    perennial = await createPerennial({ store: 'memory:', memberstack: { appId, secretKey, adminUrl } })
  })
  afterAll(async () => {
    await perennial.close()
    await emulator.close()
  })

  it('says so when somebody read the body before it', async () => {
    const body = '{"refreshToken":"x"}'
    const request = new Request('http://localhost/v1/auth/refresh-token', { method: 'POST', body })
    await request.text()
    const answer = await forFetch.createFetchHandler(perennial)(request)
    expect([answer.status, await answer.json()]).toEqual([
      500,
      { error: expect.stringContaining('read before'), code: 'AUTH_INTERNAL_ERROR' },
    ])
  })

  it('answers below its base path, with a slash at the end or none, and at the root where that is empty', async () => {
    const codeAt = async (path: string, basePath?: string) => {
      const handle = forFetch.createFetchHandler(perennial, { basePath })
      const answer = await handle(new Request(`http://localhost${path}`))
      return Object(await answer.json()).code
    }
    for (const basePath of ['/api/auth', '/api/auth/'])
      expect(await codeAt('/api/auth/me', basePath), basePath).toBe('AUTH_TOKEN_MISSING')
    for (const basePath of ['', '/'])
      expect(await codeAt('/me', basePath), basePath).toBe('AUTH_TOKEN_MISSING')
    expect(await codeAt('/v1/auth/me')).toBe('AUTH_TOKEN_MISSING')
    for (const path of ['/me', '/v1/authme', '/x/v1/auth/me'])
      expect(await codeAt(path), path).toBe('AUTH_NOT_FOUND')
  })

  it('finds the address of a caller by what the framework hands in beside the request', async () => {
    const seen: (string | undefined)[] = []
    const noting: Perennial = {
      ...perennial,
      handle(request) {
        seen.push(request.ip)
        return perennial.handle(request)
      },
    }
    const request = () => new Request('http://localhost/v1/auth/me')
    const clientAddress = (_request: Request, context: { readonly remote: string }) => context.remote
    const handle = forFetch.createFetchHandler(noting, { clientAddress })
    for (const remote of ['192.0.2.1', '192.0.2.2']) await handle(request(), { remote })
    await forFetch.createFetchHandler(noting)(request())
    expect(seen).toEqual(['192.0.2.1', '192.0.2.2', undefined])
  })
})

describe('requireRoles', () => {
  it.each([
    ['Express', forExpress.requireRoles],
    ['Fastify', forFastify.requireRoles],
    ['fetch', forFetch.requireRoles.bind(null, Object({}), Object({}))],
  ])('refuses to be set up without a role, %s', (_name, requireRoles) => {
    for (const roles of [[], [''], [undefined], [['admin']]])
      expect(() => Reflect.apply(requireRoles, undefined, roles), JSON.stringify(roles)).toThrow(TypeError)
  })
})

describe('the adapters', () => {
  it('are 150 lines at most', () => {
    for (const name of ['express', 'fastify', 'fetch']) {
      const text = readFileSync(new URL(`../src/adapters/${name}.ts`, import.meta.url), 'utf8')
      expect(text.split('\n').length, name).toBeLessThanOrEqual(150)
    }
  })
})
