import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator, type Emulator } from '../src/index.js'
import { call, type Answer } from './call.js'

const now = 1_800_000_000
let emulator: Emulator

beforeAll(async () => {
  emulator = await startEmulator({ clock: () => now })
})
afterEach(() => emulator.reset())
afterAll(() => emulator.close())

const post = (path: string, body?: unknown): Promise<Answer> =>
  call('POST', `${emulator.url}${path}`, { body })
const refresh = (refreshToken: unknown): Promise<Answer> => post('/auth/refresh-token', { refreshToken })
const freshToken = async (): Promise<string> => (await emulator.issueTokens()).refreshToken
const fault = async (what: object): Promise<void> => {
  const { status, body } = await post('/_emulator/faults', { route: 'POST /auth/refresh-token', ...what })
  expect([status, body]).toEqual([204, ''])
}
// Every place below asserts on what it picks out of an answer.
const pick = (value: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>((at, key) => Object(at)[key], value)
const tokensOf = ({ body }: Answer): { accessToken: string; refreshToken: string } => ({
  accessToken: String(pick(body, 'data', 'tokens', 'accessToken')),
  refreshToken: String(pick(body, 'data', 'tokens', 'refreshToken')),
})

describe('POST /auth/refresh-token', () => {
  it('answers a new pair whose access token lives one hour, in the shape of a sign-in', async () => {
    const before = await freshToken()
    const answer = await refresh(before)
    expect(answer.status).toBe(200)
    expect(pick(answer.body, 'data', 'tokens', 'expires')).toBe((now + 3600) * 1000)
    const { accessToken, refreshToken } = tokensOf(answer)
    expect(decodeJwt(accessToken)).toMatchObject({ id: 'mem_ada', iat: now, exp: now + 3600 })
    expect(refreshToken).not.toBe(before)
    expect((await refresh(refreshToken)).status).toBe(200)
  })

  it('takes each token once, however many present it at once', async () => {
    const token = await freshToken()
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(token)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(19)
  })

  it('refuses an unknown token, and that of a deleted member, with 401', async () => {
    const token = await freshToken()
    emulator.deleteMember('mem_ada')
    for (const refused of [token, 'rt_unknown', '__proto__']) {
      expect(await refresh(refused)).toMatchObject({ status: 401, body: { code: 'invalid-refresh-token' } })
    }
  })
})

describe('POST /_emulator/tokens', () => {
  it('answers a pair of the seeded member without being told anything', async () => {
    const { status, body } = await post('/_emulator/tokens')
    expect(status).toBe(200)
    expect(Object.keys(Object(body)).toSorted()).toEqual(['accessToken', 'refreshToken'])
    const twoWeeks = 14 * 24 * 3600
    expect(decodeJwt(String(pick(body, 'accessToken')))).toEqual({
      id: 'mem_ada',
      type: 'member',
      iat: now,
      exp: now + twoWeeks,
      aud: 'app_emulator',
      iss: 'https://api.memberstack.com',
    })
  })

  it('dates a token as told', async () => {
    const dates = async (request: object): Promise<unknown> => {
      const { iat, exp } = decodeJwt(
        String(pick((await post('/_emulator/tokens', request)).body, 'accessToken')),
      )
      return [Number(iat) - now, Number(exp) - now]
    }
    expect(await dates({ expiresInSeconds: 60 })).toEqual([0, 60])
    expect(await dates({ expiresInSeconds: -1, issuedSecondsAgo: 3601 })).toEqual([-3601, -1])
    expect(await dates({ issuedSecondsAgo: 100 })).toEqual([-100, 14 * 24 * 3600 - 100])
  })

  it('lays claims over the usual ones, null takes one away, and refreshed tokens keep all but the times', async () => {
    const claims = { email: 'x@example.com', aud: null, exp: null, id: 'mem_forged' }
    const { body } = await post('/_emulator/tokens', { claims })
    const first = decodeJwt(String(pick(body, 'accessToken')))
    expect(first).toEqual({ ...first, email: 'x@example.com', id: 'mem_forged' })
    expect(first).not.toHaveProperty('aud')
    expect(first).not.toHaveProperty('exp')
    const { accessToken } = tokensOf(await refresh(pick(body, 'refreshToken')))
    const second = decodeJwt(accessToken)
    expect(second).toMatchObject({ email: 'x@example.com', id: 'mem_forged', exp: now + 3600 })
    expect(second).not.toHaveProperty('aud')
  })

  it('names members by id or email, and refuses one that is not there', async () => {
    const { id } = emulator.createMember({ email: 'grace@example.com' })
    const { body } = await post('/_emulator/tokens', { memberId: 'grace@example.com' })
    expect(decodeJwt(String(pick(body, 'accessToken')))['id']).toBe(id)
    expect(await post('/_emulator/tokens', { memberId: 'mem_nobody' })).toMatchObject({ status: 400 })
  })
})

describe('POST /members/verify-token', () => {
  const verify = (token: unknown): Promise<Answer> =>
    call('POST', `${emulator.adminUrl}/members/verify-token`, {
      body: { token },
      headers: { 'x-api-key': emulator.secretKey },
    })

  it('reads a good token, one of a deleted member too: a member JWT cannot be taken back', async () => {
    const { accessToken } = await emulator.issueTokens()
    emulator.deleteMember('mem_ada')
    expect(await verify(accessToken)).toMatchObject({
      status: 200,
      body: { data: { id: 'mem_ada', type: 'member' } },
    })
  })

  it.each([
    ['expired now', { expiresInSeconds: 0 }],
    ['without exp', { claims: { exp: null } }],
    ['of another app', { claims: { aud: 'app_other' } }],
    ['of another issuer', { claims: { iss: 'https://evil.example' } }],
    ['not valid yet', { claims: { nbf: now + 60 } }],
  ])('refuses a token that is %s with 400 INVALID_TOKEN', async (_what, request) => {
    const { accessToken } = await emulator.issueTokens(request)
    expect(await verify(accessToken)).toMatchObject({
      status: 400,
      body: { code: 'INVALID_TOKEN', message: 'Invalid token' },
    })
  })

  it('accepts the second before expiry', async () => {
    const { accessToken } = await emulator.issueTokens({ expiresInSeconds: 1 })
    expect((await verify(accessToken)).status).toBe(200)
  })

  it('refuses a token that was changed, and one that is none', async () => {
    const { accessToken } = await emulator.issueTokens()
    const [head = '', , signature = ''] = accessToken.split('.')
    const forged = Buffer.from(JSON.stringify({ id: 'mem_ada', exp: now + 60 })).toString('base64url')
    for (const bad of [`${head}.${forged}.${signature}`, 'x', '', `${accessToken}.x`]) {
      expect(await verify(bad)).toMatchObject({ status: 400 })
    }
  })

  it('knows tokens of an older key for as long as the key set holds it', async () => {
    const { accessToken } = await emulator.issueTokens()
    await emulator.rotateSigningKey()
    expect((await verify(accessToken)).status).toBe(200)
    expect(pick((await call('GET', emulator.jwksUri)).body, 'keys')).toHaveLength(2)
    await emulator.rotateSigningKey('remove')
    expect((await verify(accessToken)).status).toBe(400)
    expect((await verify((await emulator.issueTokens()).accessToken)).status).toBe(200)
  })
})

describe('GET /jwks.json', () => {
  it('holds one 2048-bit RSA signing key, and nothing private', async () => {
    const { body, headers } = await call('GET', emulator.jwksUri)
    expect(headers.get('content-type')).toMatch(/^application\/json/)
    expect(Object.keys(Object(pick(body, 'keys', '0'))).toSorted()).toEqual([
      'alg',
      'e',
      'kid',
      'kty',
      'n',
      'use',
    ])
    expect(Buffer.from(String(pick(body, 'keys', '0', 'n')), 'base64url')).toHaveLength(256)
  })
})

describe('faults', () => {
  it('answer a status without doing the work', async () => {
    await fault({ status: 503, headers: { 'retry-after': '7' } })
    const token = await freshToken()
    const struck = await refresh(token)
    expect(struck).toMatchObject({ status: 503, body: { code: 'fault' } })
    expect(struck.headers.get('retry-after')).toBe('7')
    expect((await refresh(token)).status).toBe(200)
  })

  it('send a string as it is: HTML, half a JSON, nothing', async () => {
    for (const body of ['<html>down</html>', '{"data":{"tok', '']) await fault({ body })
    const answers = []
    for (let n = 0; n < 3; n += 1) answers.push(await refresh('any'))
    expect(answers.map(({ body }) => body)).toEqual(['<html>down</html>', '{"data":{"tok', ''])
    expect(answers.map(({ headers }) => headers.get('content-type')?.split(';')[0])).toEqual([
      'text/html',
      'application/json',
      'application/json',
    ])
  })

  it('send anything else as JSON', async () => {
    await fault({ status: 429, body: { code: 'slow-down' } })
    expect(await refresh('any')).toMatchObject({ status: 429, body: { code: 'slow-down' } })
    await fault({ body: null })
    expect(await refresh('any')).toMatchObject({ status: 200, body: null })
  })

  it('drop the response after the work was done', async () => {
    await fault({ dropResponse: true })
    const token = await freshToken()
    await expect(refresh(token)).rejects.toThrow('fetch failed')
    expect((await refresh(token)).status).toBe(401)
  })

  it('hold an answer back whose work was done at once; a reset lets go of it', async () => {
    emulator.setFault({ route: 'POST /auth/refresh-token', delayMs: 600_000 })
    const token = await freshToken()
    const slow = refresh(token)
    await expect.poll(() => emulator.calls()['POST /auth/refresh-token']).toBe(1)
    // Waiting for the first call to have used the token up, which it does at once.
    await expect.poll(async () => (await refresh('rt_other')).status).toBe(401)
    expect((await refresh(token)).status).toBe(401)
    emulator.clearFaults()
    expect((await slow).status).toBe(200)
  })

  it('hold back many answers at once, and let all go', async () => {
    emulator.setFault({ route: 'GET /jwks.json', delayMs: 600_000, times: 50 })
    const slow = Array.from({ length: 50 }, () => call('GET', emulator.jwksUri))
    await expect.poll(() => emulator.calls()['GET /jwks.json']).toBe(50)
    emulator.clearFaults()
    const statuses = (await Promise.all(slow)).map(({ status }) => status)
    expect(new Set(statuses)).toEqual(new Set([200]))
  })

  it('strike as often as told, in the order they were set, and their own route only', async () => {
    await fault({ status: 500, times: 2 })
    await fault({ status: 502 })
    expect((await call('GET', emulator.jwksUri)).status).toBe(200)
    const statuses = []
    for (let n = 0; n < 4; n += 1) statuses.push((await refresh('rt_any')).status)
    expect(statuses).toEqual([500, 500, 502, 401])
  })

  it('strike routes with parameters by their pattern, before the key is looked at', async () => {
    emulator.setFault({ route: 'GET /members/:idOrEmail', status: 500 })
    expect((await call('GET', `${emulator.adminUrl}/members/mem_ada`)).status).toBe(500)
    // The fault is used up; without a key the route answers 400.
    expect((await call('GET', `${emulator.adminUrl}/members/mem_ada`)).status).toBe(400)
  })

  it.each([
    [{ route: 'POST /auth/refresh', status: 500 }, /must be one of: .*POST \/auth\/refresh-token/],
    [{ route: 'GET /_emulator/calls', status: 500 }, /must be one of/],
    [{ route: 'GET /member' }, /what goes wrong/],
    [{ route: 'GET /member', dropResponse: false }, /what goes wrong/],
    [{ route: 'GET /member', dropResponse: true, status: 500 }, /cannot go with/],
    [{ route: 'GET /member', delayMs: 1, headers: { a: 'b' } }, /needs a status/],
    [{ route: 'GET /member', status: 99 }, /body\.status/],
    [{ route: 'GET /member', status: 500, times: 0 }, /body\.times/],
    [{ route: 'GET /member', status: 500, time: 1 }, /"time"/],
    [{ route: 'GET /member', status: 500, headers: { 'content-length': '3' } }, /body\.headers/],
    [{ route: 'GET /member', status: 500, headers: { a: 'b\r\nc: d' } }, /body\.headers/],
    [{ status: 500 }, /route/],
  ])('are refused when %j', async (body, message) => {
    const { status, body: answer } = await post('/_emulator/faults', body)
    expect(status).toBe(400)
    expect(pick(answer, 'message')).toMatch(message)
  })
})

describe('GET /_emulator/calls', () => {
  it('counts what arrived, answered or not, by route pattern; test routes and preflights are no calls', async () => {
    await refresh('rt_unknown')
    await refresh(7)
    await call('GET', `${emulator.adminUrl}/members/a`)
    await call('GET', `${emulator.adminUrl}/members/b%40example.com`)
    await call('GET', `${emulator.url}/nothing-here`)
    await call('OPTIONS', `${emulator.url}/auth/login`, {
      headers: { origin: 'http://shop.example', 'access-control-request-method': 'POST' },
    })
    expect((await call('GET', `${emulator.url}/_emulator/calls`)).body).toEqual({
      'POST /auth/refresh-token': 2,
      'GET /members/:idOrEmail': 2,
    })
  })
})

describe('POST /_emulator/reset', () => {
  it('goes back to the start, and keeps the keys so that tokens still verify', async () => {
    const { accessToken, refreshToken } = await emulator.issueTokens()
    emulator.createMember({ email: 'grace@example.com' })
    emulator.updateMember('mem_ada', { permissions: [], customFields: { company: 'x' } })
    emulator.setFault({ route: 'POST /auth/refresh-token', status: 500 })
    await call('GET', emulator.jwksUri)
    expect((await post('/_emulator/reset')).status).toBe(204)
    expect(emulator.calls()).toEqual({})
    expect(emulator.findMember('grace@example.com')).toBeNull()
    expect(emulator.findMember('mem_ada')?.permissions).toEqual(['user', 'admin'])
    expect((await refresh(refreshToken)).status).toBe(401)
    const { body } = await call('POST', `${emulator.adminUrl}/members/verify-token`, {
      body: { token: accessToken },
      headers: { 'x-api-key': emulator.secretKey },
    })
    expect(pick(body, 'data', 'id')).toBe('mem_ada')
  })
})

describe('the other test routes', () => {
  it('change what only a dashboard could: a member’s permissions', async () => {
    const url = `${emulator.url}/_emulator/members/ada@example.com`
    expect(await call('PATCH', url, { body: { permissions: ['user'] } })).toMatchObject({ status: 200 })
    expect(emulator.findMember('mem_ada')?.permissions).toEqual(['user'])
    expect(await call('PATCH', url, { body: { permission: ['user'] } })).toMatchObject({ status: 400 })
  })

  it('set where webhooks go, and refuse what is no web address', async () => {
    expect((await post('/_emulator/webhook', { url: 'http://127.0.0.1:9/hook' })).status).toBe(204)
    for (const url of ['nowhere', 'file:///etc/passwd', 'http://a:b@127.0.0.1/']) {
      expect(await post('/_emulator/webhook', { url })).toMatchObject({ status: 400 })
    }
    expect((await post('/_emulator/webhook', { url: null })).status).toBe(204)
    expect((await call('GET', `${emulator.url}/_emulator/webhooks`)).body).toEqual({ deliveries: [] })
  })
})
