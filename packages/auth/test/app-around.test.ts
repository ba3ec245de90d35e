import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request as httpRequest, type Server } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { createPerennial, type Perennial, type PerennialOptions } from '@perennial/auth'
import { startEmulator, type Emulator } from '@perennial/emulator'
import express5 from 'express'
import express4 from 'express4'
import Fastify from 'fastify'
import { Hono, type Context } from 'hono'
import { setCookie } from 'hono/cookie'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { authRouter } from '../src/adapters/express.js'
import { perennialAuth } from '../src/adapters/fastify.js'
import { createFetchHandler } from '../src/adapters/fetch.js'

let emulator: Emulator
let perennial: Perennial
const closers: (() => Promise<unknown> | void)[] = []
beforeAll(async () => {
  emulator = await startEmulator({ adminRequestsPerSecond: 1000 })
})
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})
afterAll(() => emulator.close())

async function open(options: Partial<PerennialOptions> = {}): Promise<Perennial> {
  const { appId, secretKey, adminUrl } = emulator
  const memberstack = { appId, secretKey, adminUrl }
  perennial = await createPerennial({
    store: 'memory:',
    memberstack,
    refreshTokenTransport: 'cookie',
    ...options,
  })
  closers.push(() => perennial.close())
  return perennial
}

/** Listens on a free port, or on a unix socket, and returns the port (0 for a socket). */
async function listen(server: Server | ReturnType<typeof createHttp2Server>, path?: string): Promise<number> {
  server.listen(path ?? { port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  closers.push(() => void server.close())
  const address = server.address()
  return address && typeof address === 'object' ? address.port : 0
}

const honoHandler = () =>
  createFetchHandler(perennial, {
    clientAddress: (_request, context: Context) => getConnInfo(context).remote.address,
  })

/** The apps of a user, each of which sets two cookies of its own before our routes run, and one after them. */
const apps: Readonly<Record<string, () => Promise<Server>>> = {
  'Express 5': async () => createServer(expressApp(express5)),
  'Express 4': async () => createServer(expressApp(express4)),
  Fastify: async () => {
    const app = Fastify()
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('set-cookie', 'theme=dark')
      reply.raw.setHeader('set-cookie', 'lang=en')
    })
    app.addHook('onSend', async (_request, reply) => void reply.header('set-cookie', 'late=1'))
    app.register(perennialAuth, { prefix: '/v1/auth', perennial })
    await app.ready()
    return app.server
  },
  Hono: async () => honoServer((context) => context.header('x-app', 'hono')),
  'Hono after a middleware that has touched the response': async () =>
    honoServer((context) => context.res.headers.set('x-app', 'hono')),
}

function expressApp(express: typeof express5) {
  const app = express()
  app.use((_request, response, next) => {
    response.cookie('theme', 'dark')
    response.append('set-cookie', 'lang=en')
    const writeHead: unknown = Reflect.get(response, 'writeHead')
    response.writeHead = (...head: unknown[]) => {
      response.appendHeader('set-cookie', 'late=1')
      return typeof writeHead === 'function' ? Reflect.apply(writeHead, response, head) : response
    }
    next()
  })
  app.use('/v1/auth', authRouter(perennial))
  return app
}

function honoServer(touch: (context: Context) => void): Server {
  const app = new Hono()
  app.use(async (context, next) => {
    setCookie(context, 'theme', 'dark')
    touch(context)
    setCookie(context, 'lang', 'en')
    await next()
    setCookie(context, 'late', '1')
  })
  const handle = honoHandler()
  app.all('/v1/auth/*', (context) => handle(context.req.raw, context))
  const listener = getRequestListener(app.fetch)
  return createServer((request, response) => void listener(request, response))
}

describe('the cookie of a sign-in, beside those of the app', () => {
  it.each(Object.entries(apps))('is added, and replaces none: %s', async (_name, create) => {
    await open()
    const port = await listen(await create())
    const url = `http://127.0.0.1:${port}`
    const { accessToken } = await emulator.issueTokens()
    const headers = { authorization: `Bearer ${accessToken}`, origin: url, 'x-csrf': '1' }
    const answer = await fetch(`${url}/v1/auth/session`, { method: 'POST', headers })
    expect(answer.status).toBe(201)
    const names = answer.headers.getSetCookie().map((cookie) => cookie.split('=', 1)[0])
    expect(names).toHaveLength(4)
    expect(new Set(names)).toEqual(new Set(['__Host-perennial', 'lang', 'late', 'theme']))
    expect(await answer.json()).toEqual({ accessToken: expect.any(String) })
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const cookie = answer.headers.getSetCookie().find((one) => one.startsWith('__Host-')) ?? ''
    const rest = { origin: url, 'x-csrf': '1', cookie: cookie.split(';', 1)[0] ?? '' }
    const out = await fetch(`${url}/v1/auth/session`, { method: 'DELETE', headers: rest })
    expect([out.status, out.headers.getSetCookie().length]).toEqual([204, 4])
  })
})

/** Sends one request over HTTP/2 without TLS, as a proxy on the same machine does. There is no `Host` header. */
async function sendHttp2(port: number, headers: Record<string, string>) {
  const session = connect(`http://127.0.0.1:${port}`)
  closers.push(() => session.close())
  const stream = session.request({ ':method': 'POST', ':path': '/v1/auth/session', ...headers })
  stream.end()
  const [answer] = await once(stream, 'response')
  stream.resume()
  return { status: Number(answer[':status']), cookies: (answer['set-cookie'] ?? []).length }
}

describe('over HTTP/2, where the host is in :authority', () => {
  const servers = {
    Fastify: async () => {
      const app = Fastify({ http2: true })
      app.register(perennialAuth, { prefix: '/v1/auth', perennial })
      const url = await app.listen({ port: 0, host: '127.0.0.1' })
      closers.push(() => app.close())
      return Number(new URL(url).port)
    },
    Hono: async () => {
      const app = new Hono()
      const handle = honoHandler()
      app.all('/v1/auth/*', (context) => handle(context.req.raw, context))
      const listener = getRequestListener(app.fetch)
      return await listen(createHttp2Server((request, response) => void listener(request, response)))
    },
  }

  it.each(Object.entries(servers))(
    'a page of the service itself may sign in by cookie: %s',
    async (_name, start) => {
      await open()
      const port = await start()
      const { accessToken } = await emulator.issueTokens()
      const authorization = `Bearer ${accessToken}`
      const own = { authorization, origin: `http://127.0.0.1:${port}`, 'x-csrf': '1' }
      expect(await sendHttp2(port, own)).toEqual({ status: 201, cookies: 1 })
      for (const origin of ['https://evil.example', 'http://127.0.0.1:1', 'null'])
        expect(await sendHttp2(port, { ...own, origin }), origin).toEqual({ status: 403, cookies: 0 })
    },
  )
})

describe('callers whose address is not known', () => {
  const folder = mkdtempSync(join(tmpdir(), 'perennial-socket-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const warnings: string[] = []
  const note = (warning: Error) =>
    void (warning.name === 'PerennialWarning' && warnings.push(warning.message))
  beforeAll(() => void process.on('warning', note))
  afterAll(() => void process.off('warning', note))

  const send = async (socketPath: string) => {
    const headers = { authorization: 'Bearer rubbish' }
    const request = httpRequest({ socketPath, path: '/v1/auth/me', headers, agent: false })
    request.end()
    const [answer] = await once(request, 'response')
    answer.resume()
    return answer.statusCode
  }

  it.each(Object.entries(apps))(
    'do not lock each other out, and one warning says so: %s',
    async (name, create) => {
      await open({ rateLimits: { ipPerMinute: 2, ipTotalPerMinute: 5 } })
      const path = join(folder, `${name.replaceAll(/\W/g, '')}.sock`)
      await listen(await create(), path)
      warnings.length = 0
      for (let sent = 0; sent < 20; sent += 1) expect([sent, await send(path)]).toEqual([sent, 401])
      expect(warnings).toHaveLength(1)
      expect(warnings[0]).toContain('without the address of its caller')
    },
  )

  it('are all callers of a fetch handler that is not told how to find the address', async () => {
    await open({ rateLimits: { ipPerMinute: 2, ipTotalPerMinute: 5 } })
    const handle = createFetchHandler(perennial)
    warnings.length = 0
    for (let sent = 0; sent < 20; sent += 1)
      expect((await handle(new Request('http://localhost/v1/auth/me'))).status).toBe(401)
    await new Promise((resolve) => setImmediate(resolve))
    expect(warnings).toHaveLength(1)
  })
})
