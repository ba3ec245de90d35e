import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import express5, { type Express } from 'express'
import express4 from 'express4'
import Fastify from 'fastify'
import { Hono, type Context } from 'hono'
import { authenticate, authRouter, requireRoles } from '../src/adapters/express.js'
import * as forFastify from '../src/adapters/fastify.js'
import * as web from '../src/adapters/fetch.js'
import type { Perennial } from '../src/http/perennial.js'

/** An app with Perennial in it, on a free port. */
export interface RunningApp {
  readonly url: string
  readonly close: () => Promise<void>
}

/** One way to put Perennial into an app. */
export interface Mount {
  readonly name: string
  /** Whether the app's own body parser refuses what is no JSON, before Perennial sees it. */
  readonly parsesFirst: boolean
  readonly start: (perennial: Perennial) => Promise<RunningApp>
}

/** Starts an Express app of either major; `prepare` runs before anything is mounted. */
export async function startExpress(
  express: typeof express5,
  perennial: Perennial,
  prepare: (app: Express) => void = () => {},
): Promise<RunningApp> {
  const app = express()
  prepare(app)
  app.use('/v1/auth', authRouter(perennial))
  app.get('/projects', authenticate(perennial), (request, response) => {
    response.json({ user: request.memberstackUser, raw: request.memberstackUserRaw })
  })
  app.get('/admin', authenticate(perennial), requireRoles('admin', 'owner'), (_request, response) => {
    response.json({ admin: true })
  })
  return running(app.listen(0, '127.0.0.1'))
}

async function startFastify(perennial: Perennial): Promise<RunningApp> {
  const app = Fastify({ forceCloseConnections: true })
  const member = forFastify.authenticate(perennial)
  app.register(forFastify.perennialAuth, { prefix: '/v1/auth', perennial })
  app.get('/projects', { onRequest: member }, (request) => ({
    user: request.memberstackUser,
    raw: request.memberstackUserRaw,
  }))
  app.get('/admin', { onRequest: [member, forFastify.requireRoles('admin', 'owner')] }, () => ({
    admin: true,
  }))
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return { url, close: () => app.close() }
}

/** Starts a Hono app, which speaks `Request` and `Response`. */
async function startHono(perennial: Perennial): Promise<RunningApp> {
  const app = new Hono()
  const handle = web.createFetchHandler(perennial, {
    clientAddress: (_request, context: Context) => getConnInfo(context).remote.address,
  })
  app.all('/v1/auth/*', (context) => handle(context.req.raw, context))
  app.get('/projects', async (context) => {
    const member = await web.authenticate(perennial, context.req.raw)
    return member instanceof Response ? member : context.json({ user: member.user, raw: member.claims })
  })
  app.get('/admin', async (context) => {
    const member = await web.authenticate(perennial, context.req.raw)
    if (member instanceof Response) return member
    return web.requireRoles(perennial, member, 'admin', 'owner') ?? context.json({ admin: true })
  })
  const listener = getRequestListener(app.fetch)
  const server = createServer((request, response) => void listener(request, response))
  return running(server.listen(0, '127.0.0.1'))
}

async function running(server: Server): Promise<RunningApp> {
  if (!server.listening) await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

const parseJson = (express: typeof express5) => (app: Express) => void app.use(express.json())

/** Every way there is. */
export const mounts: readonly Mount[] = [
  { name: 'Express 5', parsesFirst: false, start: (perennial) => startExpress(express5, perennial) },
  { name: 'Express 4', parsesFirst: false, start: (perennial) => startExpress(express4, perennial) },
  {
    name: 'Express 5 after express.json()',
    parsesFirst: true,
    start: (perennial) => startExpress(express5, perennial, parseJson(express5)),
  },
  {
    name: 'Express 4 after express.json()',
    parsesFirst: true,
    start: (perennial) => startExpress(express4, perennial, parseJson(express4)),
  },
  { name: 'Fastify', parsesFirst: false, start: startFastify },
  { name: 'fetch (Hono)', parsesFirst: false, start: startHono },
]
