import { getRequestListener } from '@hono/node-server'
import { createPerennial, systemClock, type Perennial } from '@perennial/auth'
import * as forExpress from '@perennial/auth/express'
import * as forFastify from '@perennial/auth/fastify'
import * as forFetch from '@perennial/auth/fetch'
import { createVerifier, type Verifier, type VerifierOptions } from '@perennial/auth/verifier'
import { startEmulator, type Emulator } from '@perennial/emulator'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createRecorder } from './kit/recorder.js'
import { startServer, type RunningServer } from './kit/servers.js'

let emulator: Emulator
let perennial: Perennial
let issuer: RunningServer
/** The seconds by which the clock of the verifier is ahead. */
let ahead = 0

beforeAll(async () => {
  emulator = await startEmulator({ adminRequestsPerSecond: 1000 })
})
afterAll(() => emulator.close())
beforeEach(async () => {
  ahead = 0
  const { appId, secretKey, adminUrl } = emulator
  perennial = await createPerennial({ store: 'memory:', memberstack: { appId, secretKey, adminUrl } })
  const app = express()
  app.use('/v1/auth', forExpress.authRouter(perennial))
  app.get('/.well-known/jwks.json', forExpress.jwks(perennial))
  issuer = await startServer(app)
})
afterEach(async () => {
  emulator.reset()
  await issuer.close()
  await perennial.close()
})

function verifierWith(options: Partial<VerifierOptions> = {}): Verifier {
  const verifier = createVerifier({
    jwksUri: `${issuer.origin}/.well-known/jwks.json`,
    appId: emulator.appId,
    clock: () => systemClock() + ahead,
    ...options,
  })
  onTestFinished(() => verifier.close())
  return verifier
}

async function signIn(email?: string): Promise<{ accessToken: string; refreshToken: string }> {
  const memberId = email === undefined ? undefined : emulator.findMember(email)?.id
  const { accessToken } = await emulator.issueTokens(memberId === undefined ? {} : { memberId })
  const headers = { authorization: `Bearer ${accessToken}` }
  const answer = await fetch(`${issuer.origin}/v1/auth/session`, { method: 'POST', headers })
  expect(answer.status).toBe(201)
  return await answer.json()
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

/** Starts an API that knows the verifier alone, with each adapter. */
const apis: Readonly<Record<string, (verifier: Verifier) => Promise<string>>> = {
  async Express(verifier) {
    const app = express()
    const { authenticate, requireRoles } = forExpress
    app.get('/projects', authenticate(verifier), (request, response) => {
      response.json(request.memberstackUser)
    })
    app.get('/owners', authenticate(verifier), requireRoles('owner'), (_request, response) => {
      response.json({})
    })
    const server = await startServer(app)
    onTestFinished(() => server.close())
    return server.origin
  },
  async Fastify(verifier) {
    const app = Fastify()
    const { authenticate, requireRoles } = forFastify
    app.get('/projects', { onRequest: authenticate(verifier) }, (request) => request.memberstackUser)
    app.get('/owners', { onRequest: [authenticate(verifier), requireRoles('owner')] }, () => ({}))
    onTestFinished(() => app.close())
    return app.listen({ port: 0, host: '127.0.0.1' })
  },
  async Hono(verifier) {
    const app = new Hono()
    app.get('/projects', async (context) => {
      const member = await forFetch.authenticate(verifier, context.req.raw)
      return member instanceof Response ? member : context.json(member.user)
    })
    app.get('/owners', async (context) => {
      const member = await forFetch.authenticate(verifier, context.req.raw)
      if (member instanceof Response) return member
      return forFetch.requireRoles(verifier, member, 'owner') ?? context.json({})
    })
    const listener = getRequestListener(app.fetch)
    const server = await startServer((request, response) => void listener(request, response))
    onTestFinished(() => server.close())
    return server.origin
  },
}

describe.each(Object.entries(apis))('an API on %s with a verifier', (_name, startApi) => {
  it('admits a member of the issuer, and refuses others as createPerennial does', async () => {
    const api = await startApi(verifierWith())
    const { accessToken } = await signIn()
    const served = await fetch(`${api}/projects`, bearer(accessToken))
    expect(await served.json()).toMatchObject({ email: 'ada@example.com', roles: ['user', 'admin'] })

    const missing = await fetch(`${api}/projects`)
    expect([missing.status, missing.headers.get('www-authenticate'), await missing.json()]).toEqual([
      401,
      'Bearer realm="perennial"',
      expect.objectContaining({ code: 'AUTH_TOKEN_MISSING' }),
    ])
    const [header, claims, signature = ''] = accessToken.split('.')
    const forged = `${header}.${claims}.${signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))}`
    const refused = await fetch(`${api}/projects`, bearer(forged))
    expect([refused.status, refused.headers.get('www-authenticate'), await refused.json()]).toEqual([
      401,
      'Bearer error="invalid_token"',
      expect.objectContaining({ code: 'AUTH_TOKEN_INVALID' }),
    ])
    const member = await emulator.issueTokens()
    expect((await fetch(`${api}/projects`, bearer(member.accessToken))).status).toBe(401)
    const owners = await fetch(`${api}/owners`, bearer(accessToken))
    expect([owners.status, await owners.json()]).toEqual([
      403,
      expect.objectContaining({ code: 'AUTH_ROLE_INSUFFICIENT' }),
    ])
    ahead = 3600
    const late = await fetch(`${api}/projects`, bearer(accessToken))
    expect([late.status, await late.json()]).toEqual([
      401,
      expect.objectContaining({ code: 'AUTH_TOKEN_EXPIRED' }),
    ])
  })
})

describe('a verifier', () => {
  const codeOf = async (verifier: Verifier, token: string): Promise<string> => {
    try {
      await verifier.authenticate({ authorization: `Bearer ${token}`, memberstackToken: undefined })
      return 'accepted'
    } catch (error) {
      return JSON.parse(verifier.toResponse(error).body ?? '{}').code
    }
  }

  it('refuses tokens of another app or issuer', async () => {
    const { accessToken } = await signIn()
    expect(await codeOf(verifierWith(), accessToken)).toBe('accepted')
    expect(await codeOf(verifierWith({ appId: 'app_other' }), accessToken)).toBe('AUTH_TOKEN_INVALID')
    expect(await codeOf(verifierWith({ issuer: 'other' }), accessToken)).toBe('AUTH_TOKEN_INVALID')
  })

  it('does not see a sign-out: the token is good until it expires', async () => {
    const verifier = verifierWith()
    const { accessToken } = await signIn()
    await fetch(`${issuer.origin}/v1/auth/session`, { method: 'DELETE', ...bearer(accessToken) })
    expect((await fetch(`${issuer.origin}/v1/auth/me`, bearer(accessToken))).status).toBe(401)
    expect(await codeOf(verifier, accessToken)).toBe('accepted')
    ahead = 3600
    expect(await codeOf(verifier, accessToken)).toBe('AUTH_TOKEN_EXPIRED')
  })

  it('reads what a token lacks from the issuer once, and refuses where the issuer does not know the token', async () => {
    emulator.updateMember('ada@example.com', { customFields: { story: 'x'.repeat(4000) } })
    const verifier = verifierWith()
    const { accessToken } = await signIn()
    const found = await verifier.authenticate({
      authorization: `Bearer ${accessToken}`,
      memberstackToken: undefined,
    })
    expect(String(found.user.customFields['story'])).toHaveLength(4000)
    await issuer.close()
    expect(await codeOf(verifier, accessToken)).toBe('accepted')
  })

  it('refuses such a token whose session has ended, and is unavailable while the issuer is away', async () => {
    emulator.updateMember('ada@example.com', { customFields: { story: 'x'.repeat(4000) } })
    const verifier = verifierWith()
    const [first, second] = [await signIn(), await signIn()]
    await fetch(`${issuer.origin}/v1/auth/session`, { method: 'DELETE', ...bearer(first.accessToken) })
    expect(await codeOf(verifier, first.accessToken)).toBe('AUTH_USER_CONTEXT_INVALID')
    expect(await codeOf(verifier, second.accessToken)).toBe('accepted')
    const other = verifierWith()
    await other.checkReady()
    await issuer.close()
    expect(await codeOf(other, second.accessToken)).toBe('AUTH_UNAVAILABLE')
  })

  it('is not ready, and answers 503, until the key set has been read; then it needs the issuer no more', async () => {
    const { accessToken } = await signIn()
    const never = verifierWith({ jwksUri: 'http://127.0.0.1:1/.well-known/jwks.json' })
    await expect(never.checkReady()).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    expect(await codeOf(never, accessToken)).toBe('AUTH_UNAVAILABLE')
    const verifier = verifierWith()
    await verifier.checkReady()
    await issuer.close()
    expect(await codeOf(verifier, accessToken)).toBe('accepted')
  })

  it('emits what it admits and refuses', async () => {
    const telemetry = createRecorder()
    const verifier = verifierWith({ telemetry })
    const { accessToken } = await signIn()
    const member = await verifier.authenticate({
      authorization: `Bearer ${accessToken}`,
      memberstackToken: undefined,
    })
    expect(() => verifier.requireRoles(member, ['owner'])).toThrow('required role')
    await codeOf(verifier, 'x.y.z')
    expect(telemetry.events.map(({ event }) => event)).toEqual([
      'auth_success',
      'rbac_failure',
      'auth_failure',
    ])
  })

  it.each([
    [{ jwksUri: '' }, 'jwksUri is not an http(s) URL'],
    [{ jwksUri: 'auth.example.com' }, 'jwksUri is not an http(s) URL'],
    [{ jwksUri: 'file:///keys.json' }, 'jwksUri is not an http(s) URL'],
    [{ jwksUri: 'xhttps://auth.example.com/keys.json' }, 'jwksUri is not an http(s) URL'],
    [{ userUri: 'me' }, 'userUri is not an http(s) URL'],
    [{ appId: '' }, 'appId is not the id'],
    [{ appId: 'app 1' }, 'appId is not the id'],
    [{ appId: ' app_1' }, 'appId is not the id'],
    [{ appId: 'app_1\n' }, 'appId is not the id'],
    [{ appId: 'sk_sb_1' }, 'appId is a key of Memberstack'],
    [{ appId: 'pk_sb_1' }, 'appId is a key of Memberstack'],
    [{ issuer: '' }, 'issuer is not the name'],
    [{ environment: 'production', jwksUri: 'http://auth.example.com/jwks' }, 'jwksUri is plain http'],
    [
      { environment: 'production', jwksUri: 'https://auth.example.com/jwks', userUri: 'http://a.example/me' },
      'userUri is plain http',
    ],
    [{ verifiedTokensKept: 0 }, 'the cache size'],
  ] as const)('refuses %j when it is created', (options, message) => {
    const good = { jwksUri: 'https://auth.example.com/.well-known/jwks.json', appId: 'app_1' }
    expect(() => createVerifier({ ...good, ...options })).toThrow(message)
    expect(() => createVerifier({ ...good, environment: 'production' })).not.toThrow()
  })

  it.each(['jwksUri', 'userUri', 'appId', 'issuer'])('refuses a number as %s when it is created', (name) => {
    const good = { jwksUri: 'https://auth.example.com/.well-known/jwks.json', appId: 'app_1' }
    expect(() => createVerifier({ ...good, ...Object.fromEntries([[name, 7]]) })).toThrow(`${name} is not`)
  })

  it('takes an id of an app that only looks like a key further on', () => {
    const jwksUri = 'https://auth.example.com/.well-known/jwks.json'
    expect(() => createVerifier({ jwksUri, appId: 'app_sk_1' })).not.toThrow()
  })

  it('takes plain http outside of production, which NODE_ENV decides if nothing else does', () => {
    const plain = { jwksUri: 'http://auth.example.com/jwks', appId: 'app_1' }
    const before = process.env['NODE_ENV']
    onTestFinished(() => {
      if (before === undefined) delete process.env['NODE_ENV']
      else process.env['NODE_ENV'] = before
    })
    process.env['NODE_ENV'] = 'production'
    expect(() => createVerifier(plain)).toThrow('jwksUri is plain http')
    expect(() => createVerifier({ ...plain, environment: 'development' })).not.toThrow()
    process.env['NODE_ENV'] = 'test'
    expect(() => createVerifier(plain)).not.toThrow()
  })
})
