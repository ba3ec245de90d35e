import type { Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Authenticated, Perennial } from '@perennial/auth'
import * as forExpress from '@perennial/auth/express'
import * as forFastify from '@perennial/auth/fastify'
import * as forFetch from '@perennial/auth/fetch'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { createServer } from 'node:http'

/** Starts one contender, which answers `GET /me` with `{"id": "<member>"}`, on a free port of 127.0.0.1. */
export type StartContender = (perennial: Perennial) => Promise<number>

/** What a server without authentication answers; the same bytes as one with it. */
const nobody = { id: 'mem_00000' }

const portOf = async (server: Server): Promise<number> => {
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not a TCP server')
  return address.port
}

const startFastify = async (perennial: Perennial | null): Promise<number> => {
  const app = Fastify()
  const hooks = perennial ? { onRequest: forFastify.authenticate(perennial) } : {}
  app.get('/me', hooks, (request) => {
    const user = request.memberstackUser
    return user ? { id: user.userId } : nobody
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return portOf(app.server)
}

const startHono = (perennial: Perennial | null): Promise<number> => {
  const app = new Hono<{ Variables: { member: Authenticated } }>()
  if (perennial)
    app.use('/me', async (context, next) => {
      const found = forFetch.authenticate(perennial, context.req.raw)
      const member = found instanceof Promise ? await found : found
      if (member instanceof Response) return member
      context.set('member', member)
      await next()
      return undefined
    })
  app.get('/me', (context) => {
    const member = perennial ? context.get('member') : null
    return context.json(member ? { id: member.user.userId } : nobody)
  })
  const listener = getRequestListener(app.fetch)
  const server = createServer((request, response) => void listener(request, response))
  return portOf(server.listen(0, '127.0.0.1'))
}

const startExpress = (perennial: Perennial | null): Promise<number> => {
  const app = express()
  if (perennial) app.use(forExpress.authenticate(perennial))
  app.get('/me', (request, response) => {
    const user = request.memberstackUser
    response.json(user ? { id: user.userId } : nobody)
  })
  return portOf(app.listen(0, '127.0.0.1'))
}

/** Every contender by name; `open` ones have no authentication. */
export const contenders: Readonly<Record<string, StartContender>> = {
  'express open': () => startExpress(null),
  'express perennial': startExpress,
  'fastify open': () => startFastify(null),
  'fastify perennial': startFastify,
  'hono open': () => startHono(null),
  'hono perennial': startHono,
}
