import { request as httpRequest } from 'node:http'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { AuthError } from '../base/errors.js'
import type { Perennial } from '../http/perennial.js'
import type { AuthRequest } from '../http/auth-request.js'
import { errorResponse, json } from '../http/auth-response.js'
import { authenticate, perennialAuth, perennialWebhook, requireRoles } from './fastify.js'
import { createOperatorSessions } from '../sessions/index.js'

const user = { userId: 'mem_1', email: 'ada@example.com', roles: ['user'], customFields: {} }
const claims = { iss: 'perennial', iat: 1, exp: 2 }

/** Answers what it was asked, so that a test sees what the adapter handed in. */
async function echo(request: AuthRequest) {
  const reading = await request.readBody()
  return json(200, {
    method: request.method,
    path: request.path,
    ip: request.ip,
    hasId: request.requestId !== '',
    custom: request.header('x-custom'),
    body: reading.kind === 'bytes' ? Buffer.from(reading.bytes).toString() : reading.kind,
  })
}

const perennial: Perennial = {
  mode: 'session',
  handle: echo,
  handleWebhook: echo,
  handleAdmin: echo,
  sessions: createOperatorSessions(null),
  readJwks: () => Promise.resolve('{"keys":[]}'),
  authenticate({ authorization, memberstackToken }) {
    if (authorization === 'Bearer known') return { user, claims }
    if (memberstackToken === 'fresh') return Promise.resolve({ user, claims })
    const refusal = new AuthError('AUTH_TOKEN_INVALID', 'No.')
    if (authorization) throw refusal
    return Promise.reject(refusal)
  },
  requireRoles({ user: { roles } }, wanted) {
    if (!wanted.some((role) => roles.includes(role)))
      throw new AuthError('AUTH_ROLE_INSUFFICIENT', 'No role.')
  },
  toResponse: (error) => errorResponse(error, 'production'),
  checkReady: () => Promise.resolve(),
  close: () => Promise.resolve(),
}

let app: FastifyInstance | undefined
afterEach(() => app?.close())

async function listen(prepare: (app: FastifyInstance) => void): Promise<string> {
  app = Fastify()
  prepare(app)
  return app.listen({ port: 0, host: '127.0.0.1' })
}

const mount = () =>
  listen((app) => {
    app.register(perennialAuth, { prefix: '/v1/auth', perennial })
    app.register(perennialWebhook, { prefix: '/v1/webhooks/memberstack', perennial })
  })

describe('perennialAuth', () => {
  it('hands in method, path below the prefix, address, headers and body', async () => {
    const url = await mount()
    const answer = await fetch(`${url}/v1/auth/refresh-token?token=never-read`, {
      method: 'POST',
      body: '{"a":1}',
      headers: { 'content-type': 'application/json', 'x-custom': 'x' },
    })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await answer.json()).toEqual({
      method: 'POST',
      path: '/refresh-token',
      ip: '127.0.0.1',
      hasId: true,
      custom: 'x',
      body: '{"a":1}',
    })
  })

  it('hands in bodies of every media type as they came', async () => {
    const url = await mount()
    const types = [
      'application/json',
      'text/plain',
      'application/x-www-form-urlencoded',
      'rubbish',
      ';;',
      'a/b; c',
    ]
    for (const type of types) {
      const answer = await fetch(`${url}/v1/auth/x`, {
        method: 'POST',
        body: '{"a":',
        headers: { 'content-type': type },
      })
      expect(await answer.json(), type).toMatchObject({ body: '{"a":', path: '/x' })
    }
  })

  it('hands in every method, those that Fastify does not route too', async () => {
    const url = await mount()
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND', 'MKCOL'])
      expect(await rawFetch(`${url}/v1/auth/me`, method), method).toMatchObject({ method, path: '/me' })
    expect((await fetch(`${url}/v1/auth/me`, { method: 'HEAD' })).status).toBe(200)
  })

  it('answers at the prefix itself', async () => {
    const url = await mount()
    expect(await rawFetch(`${url}/v1/auth`, 'GET')).toMatchObject({ path: '/' })
    expect(await rawFetch(`${url}/v1/auth/`, 'GET')).toMatchObject({ path: '/' })
  })

  it('keeps no more of a body than the limit, and the connection lives on', async () => {
    const url = await mount()
    const post = (bytes: number) => fetch(`${url}/v1/auth/x`, { method: 'POST', body: 'a'.repeat(bytes) })
    expect(await (await post(16 * 1024)).json()).toMatchObject({ body: 'a'.repeat(16 * 1024) })
    expect(await (await post(16 * 1024 + 1)).json()).toMatchObject({ body: 'too_large' })
    expect(await (await post(5_000_000)).json()).toMatchObject({ body: 'too_large' })
    expect(await (await post(1)).json()).toMatchObject({ body: 'a' })
  })

  it('lives beside the parsers, the errors and the 404 of the app around it', async () => {
    const url = await listen((app) => {
      app.addContentTypeParser('application/json', { parseAs: 'string' }, () => {
        throw new Error('not for us')
      })
      app.setErrorHandler((error, _request, reply) => reply.code(418).send({ theirs: String(error) }))
      app.setNotFoundHandler((_request, reply) => reply.code(404).send({ theirs: true }))
      app.register(perennialAuth, { prefix: '/v1/auth', perennial })
      app.post('/mine', () => 'mine')
    })
    const send = (path: string) =>
      fetch(url + path, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } })
    expect(await (await send('/v1/auth/x')).json()).toMatchObject({ body: '{}' })
    expect((await send('/mine')).status).toBe(418)
    expect(await (await fetch(`${url}/else`)).json()).toEqual({ theirs: true })
  })

  it('decorates the requests of the app around it, at however many prefixes it is registered', async () => {
    const names = ['memberstackUser', 'memberstackUserRaw']
    const url = await listen((app) => {
      app.register(perennialAuth, { prefix: '/v1/auth', perennial })
      app.register(
        async (api) => {
          api.register(perennialAuth, { prefix: '/auth', perennial })
        },
        { prefix: '/api' },
      )
      app.get('/keys', (request) => Object.keys(request).filter((key) => names.includes(key)))
    })
    for (const name of names) expect(app?.hasRequestDecorator(name), name).toBe(true)
    expect(await (await fetch(`${url}/keys`)).json()).toEqual(names)
    for (const prefix of ['/v1/auth', '/api/auth'])
      expect(await (await fetch(`${url}${prefix}/x`)).json(), prefix).toMatchObject({ path: '/x' })
    expect((await fetch(`${url}/x`)).status).toBe(404)
  })

  it('lets an app decorate its requests itself', async () => {
    await listen((app) => {
      app.decorateRequest('memberstackUser')
      app.register(perennialAuth, { prefix: '/v1/auth', perennial })
    })
    expect(app?.hasRequestDecorator('memberstackUserRaw')).toBe(true)
  })

  it('never answers in the place of a hook of the app that refused', async () => {
    const url = await listen((app) => {
      app.addHook('onRequest', () => Promise.reject(Object.assign(new Error('closed'), { statusCode: 403 })))
      app.register(perennialAuth, { prefix: '/v1/auth', perennial })
    })
    expect((await fetch(`${url}/v1/auth/x`)).status).toBe(403)
  })
})

describe('perennialWebhook', () => {
  it('hands in the raw body', async () => {
    const url = await mount()
    const body = '{ "payload" : 1 }'
    const answer = await fetch(`${url}/v1/webhooks/memberstack`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    })
    expect(await answer.json()).toMatchObject({ body, path: '/' })
  })
})

describe('perennialWebhook, elsewhere', () => {
  it('does not answer below its address', async () => {
    const answer = await fetch(`${await mount()}/v1/webhooks/memberstack/else`, {
      method: 'POST',
      body: '{}',
    })
    expect(answer.status).toBe(404)
    expect(await answer.json()).toMatchObject({ code: 'AUTH_NOT_FOUND' })
  })
})

describe('authenticate and requireRoles', () => {
  const protect = (...roles: string[]) =>
    listen((app) => {
      app.get(
        '/me',
        {
          preHandler: [authenticate(perennial), ...(roles.length ? [requireRoles(...roles)] : [])],
        },
        (request) => ({ user: request.memberstackUser, raw: request.memberstackUserRaw }),
      )
      app.get('/open', { preHandler: requireRoles('user') }, () => 'never')
    })

  it('let a member in by either header, seen before or not', async () => {
    const url = await protect('admin', 'user')
    for (const headers of [{ authorization: 'Bearer known' }, { 'x-memberstack-token': 'fresh' }]) {
      const answer = await fetch(`${url}/me`, { headers })
      expect(answer.status).toBe(200)
      expect(await answer.json()).toEqual({ user, raw: claims })
    }
  })

  it('answer whatever was thrown or rejected in the one shape', async () => {
    const url = await protect()
    for (const headers of [{ authorization: 'Bearer other' }, { 'x-memberstack-token': 'other' }]) {
      const answer = await fetch(`${url}/me`, { headers })
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toContain('invalid_token')
      expect(await answer.json()).toEqual({ error: 'No.', code: 'AUTH_TOKEN_INVALID' })
    }
  })

  it('refuse a member without any of the roles', async () => {
    const url = await protect('admin')
    const answer = await fetch(`${url}/me`, { headers: { authorization: 'Bearer known' } })
    expect(answer.status).toBe(403)
    expect(await answer.json()).toMatchObject({ code: 'AUTH_ROLE_INSUFFICIENT' })
  })

  it('tell the core which request of the app it is', async () => {
    const told: unknown[] = []
    const noting: Perennial = {
      ...perennial,
      authenticate(credentials, requestId) {
        told.push(requestId)
        return perennial.authenticate(credentials, requestId)
      },
      requireRoles(authenticated, roles, requestId) {
        told.push(requestId)
        return perennial.requireRoles(authenticated, roles, requestId)
      },
    }
    const url = await listen((app) => {
      app.get('/me', { onRequest: [authenticate(noting), requireRoles('user')] }, (request) => request.id)
    })
    const answer = await fetch(`${url}/me`, { headers: { authorization: 'Bearer known' } })
    const id = await answer.text()
    expect(told).toEqual([id, id])
  })

  it('let nobody in where the roles are asked for but not who it is', async () => {
    const url = await protect()
    expect((await fetch(`${url}/open`, { headers: { authorization: 'Bearer known' } })).status).toBe(401)
  })
})

/** `fetch` refuses some methods. */
function rawFetch(url: string, method: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method }, (answer) => {
      let text = ''
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
      answer.on('end', () => resolve(JSON.parse(text)))
    })
    request.on('error', reject).end()
  })
}
