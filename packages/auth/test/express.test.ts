import express5 from 'express'
import express4 from 'express4'
import { describe, expect, it } from 'vitest'
import { jwks, memberstackWebhook } from '../src/adapters/express.js'
import type { Perennial } from '../src/http/perennial.js'
import { expectRow, get, read, refresh, startForwardWorld } from './forward-world.js'
import { mounts, startExpress } from './mounts.js'

const { emulator, serve } = await startForwardWorld()
let perennial: Perennial

const adminRoute = 'GET /members/:idOrEmail'
const ada = {
  userId: 'mem_ada',
  email: 'ada@example.com',
  roles: ['user', 'admin'],
  customFields: { company: 'Analytical Engines', 'first-name': 'Ada', 'last-name': 'Lovelace' },
}

describe.each(mounts)('forward mode, $name', ({ start }) => {
  const listen = async (): Promise<string> => (await serve(start)).url

  it('exchanges a refresh token for a verified access token, and the new refresh token goes on', async () => {
    const url = await listen()
    const { refreshToken } = await emulator.issueTokens()
    const first = await refresh(url, refreshToken)
    expect(first.status).toBe(200)
    expect(first.headers.get('cache-control')).toBe('no-store')
    expect(Object.keys(first.body).toSorted()).toEqual(['accessToken', 'refreshToken'])
    expect(first.body['refreshToken']).not.toBe(refreshToken)
    const second = await refresh(url, first.body['refreshToken'])
    expect(second.status).toBe(200)
    expect((await get(`${url}/v1/auth/me`, String(second.body['accessToken']))).body).toEqual(ada)
  })

  it('answers a refresh token again with the same tokens, for a response that was lost', async () => {
    const url = await listen()
    const { refreshToken } = await emulator.issueTokens()
    const first = await refresh(url, refreshToken)
    expect((await refresh(url, refreshToken)).body).toEqual(first.body)
    expect(emulator.calls()['POST /auth/refresh-token']).toBe(1)
  })

  it('tells who it is, by either header, with what the token lacks from the admin API', async () => {
    const url = await listen()
    const { accessToken } = await emulator.issueTokens({ claims: { note: 'kept' } })
    for (const headers of [
      { authorization: `Bearer ${accessToken}` },
      { authorization: `bearer  ${accessToken} ` },
      { 'x-memberstack-token': accessToken },
      { authorization: 'Basic YTpi', 'x-memberstack-token': accessToken },
      { authorization: `Bearer ${accessToken}`, 'x-memberstack-token': 'rubbish' },
    ]) {
      const me = await read(fetch(`${url}/v1/auth/me`, { headers }))
      expect([me.status, me.body]).toEqual([200, ada])
      expect(me.headers.get('cache-control')).toBe('no-store')
      const own = await read(fetch(`${url}/projects`, { headers }))
      expect(own.body['user']).toEqual(ada)
      expect(own.body['raw']).toMatchObject({
        id: 'mem_ada',
        aud: emulator.appId,
        iss: emulator.issuer,
        note: 'kept',
      })
    }
    expect(emulator.calls()).toEqual({ [adminRoute]: 1, 'GET /jwks.json': 1 })
  })

  it('asks the admin API once for all requests of a member, and not at all where the token tells', async () => {
    const url = await listen()
    const tokens = await Promise.all([1, 2, 3, 4].map(() => emulator.issueTokens()))
    const asked = tokens.flatMap(({ accessToken }) => Array<string>(10).fill(accessToken))
    const answers = await Promise.all(asked.map((token) => get(`${url}/v1/auth/me`, token)))
    expect(answers.map(({ body }) => body)).toEqual(asked.map(() => ada))
    expect(emulator.calls()[adminRoute]).toBe(1)
    const own = { email: 'own@example.com', roles: ['own'], customFields: { plan: { of: ['its', 'own'] } } }
    const whole = await emulator.issueTokens({ claims: own })
    expect((await get(`${url}/v1/auth/me`, whole.accessToken)).body).toEqual({ userId: 'mem_ada', ...own })
    expect(emulator.calls()[adminRoute]).toBe(1)
  })

  it('shows one request nothing of another', async () => {
    const url = await listen()
    const tokens = [await emulator.issueTokens(), await emulator.issueTokens({ memberId: 'mem_bob' })]
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => get(`${url}/projects`, tokens[index % 2]?.accessToken ?? '')),
    )
    const ids = answers.map(({ body }) => JSON.stringify(body['user']).includes('mem_bob'))
    expect(ids).toEqual(answers.map((_, index) => index % 2 === 1))
    expectRow(await get(`${url}/projects`), { status: 401, code: 'AUTH_TOKEN_MISSING' })
  })
})

describe.each([
  ['Express 4', express4],
  ['Express 5', express5],
] as const)('%s', (_name, express) => {
  const listen = async (prepare: Parameters<typeof startExpress>[2]): Promise<string> => {
    const app = await serve((perennial) => startExpress(express, perennial, prepare))
    perennial = app.perennial
    return app.url
  }
  const post = (url: string, body: string, type: string) =>
    read(fetch(`${url}/v1/auth/refresh-token`, { method: 'POST', body, headers: { 'content-type': type } }))

  it.each([
    ['json', () => express.json()],
    ['raw', () => express.raw({ type: () => true })],
    ['text', () => express.text({ type: () => true })],
    ['urlencoded', () => express.urlencoded({ extended: false })],
    [
      'all four',
      () => [express.json(), express.urlencoded({ extended: false }), express.text(), express.raw()],
    ],
  ])('reads JSON after the parser %s', async (_parser, parser) => {
    const url = await listen((app) => void app.use(parser()))
    const { refreshToken } = await emulator.issueTokens()
    expect((await post(url, JSON.stringify({ refreshToken }), 'application/json')).status).toBe(200)
    expectRow(await post(url, '', 'application/json'), { status: 400, code: 'AUTH_TOKEN_MISSING' })
  })

  it('takes no token out of a form, whoever parsed it', async () => {
    const url = await listen((app) => void app.use(express.urlencoded({ extended: false })))
    const { refreshToken } = await emulator.issueTokens()
    const form = await post(url, `refreshToken=${refreshToken}`, 'application/x-www-form-urlencoded')
    expectRow(form, { status: 400, code: 'AUTH_TOKEN_MISSING' })
  })

  it.each([
    ['raw', () => express.raw({ type: () => true, limit: '1mb' })],
    ['text', () => express.text({ type: () => true, limit: '1mb' })],
    ['json', () => express.json({ limit: '1mb' })],
  ])('refuses a large body although the parser %s took it', async (_parser, parser) => {
    const url = await listen((app) => void app.use(parser()))
    const { refreshToken } = await emulator.issueTokens()
    const large = JSON.stringify({ refreshToken, padding: 'x'.repeat(20_000) })
    expectRow(await post(url, large, 'application/json'), { status: 413, code: 'AUTH_REQUEST_TOO_LARGE' })
  })

  it('has no key set and no webhook of its own in forward mode', async () => {
    const url = await listen((app) => {
      app.get('/.well-known/jwks.json', (request, response, next) => jwks(perennial)(request, response, next))
      app.use('/v1/webhooks/memberstack', (request, response, next) =>
        memberstackWebhook(perennial)(request, response, next),
      )
    })
    const keys = await get(`${url}/.well-known/jwks.json`)
    expect([keys.status, keys.body]).toEqual([200, { keys: [] }])
    expect(keys.headers.get('cache-control')).toBe('public, max-age=300')
    const webhook = await read(fetch(`${url}/v1/webhooks/memberstack`, { method: 'POST', body: '{}' }))
    expectRow(webhook, { status: 404, code: 'AUTH_NOT_FOUND' })
  })

  it('lets nobody pass requireRoles() who was not authenticated, whatever lies on the request', async () => {
    const { requireRoles } = await import('../src/adapters/express.js')
    const url = await listen((app) => {
      app.use((request, _response, next) => {
        request.memberstackUser = { ...ada, roles: ['admin'] }
        next()
      })
      app.get('/open', requireRoles('admin'), (_request, response) => response.json({ open: true }))
    })
    expectRow(await get(`${url}/open`), { status: 401, code: 'AUTH_TOKEN_MISSING' })
  })
})
