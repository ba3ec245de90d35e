import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator, type Emulator } from '../src/index.js'
import { call } from './call.js'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startEmulator({ adminRequestsPerSecond: 10_000 })
})
afterAll(() => emulator.close())

const routes: readonly (readonly [string, string])[] = [
  ['POST', '/auth/refresh-token'],
  ['POST', '/auth/signup'],
  ['POST', '/auth/login'],
  ['POST', '/member'],
  ['POST', '/member/json'],
  ['POST', '/member/plans/add'],
  ['POST', '/member-auth'],
  ['POST', '/members'],
  ['PATCH', '/members/mem_ada'],
  ['POST', '/members/mem_ada/add-plan'],
  ['POST', '/members/verify-token'],
  ['POST', '/_emulator/tokens'],
  ['POST', '/_emulator/faults'],
  ['POST', '/_emulator/webhook'],
  ['POST', '/_emulator/switches'],
  ['POST', '/_emulator/members'],
  ['POST', '/_emulator/members/mem_ada/plans'],
  ['PATCH', '/_emulator/members/mem_ada/plans/pln_a'],
  ['POST', '/_emulator/teams'],
  ['POST', '/_emulator/teams/unknown/members'],
  ['POST', '/member/team/join'],
  ['POST', '/member/team/remove-member'],
  ['POST', '/member/team/generate-invite-link'],
  ['PATCH', '/_emulator/members/mem_ada'],
]

const nested = (depth: number): string => `{"customFields":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`

const rubbish: readonly string[] = [
  '{',
  '[]',
  '7',
  '"text"',
  '{"__proto__":{"admin":true}}',
  '{"constructor":{"prototype":{"admin":true}},"email":7,"token":7,"refreshToken":7,"planId":7,"url":7,"route":7}',
  '{"email":{},"password":[],"customFields":"x","json":7,"planId":null,"token":[],"refreshToken":{},"url":[]}',
  `{"refreshToken":"${'x'.repeat(5000)}","token":"${'x'.repeat(5000)}","email":"${'x'.repeat(5000)}","memberId":"${'x'.repeat(5000)}","planId":"${'x'.repeat(5000)}","route":"x","url":"x","permissions":7,"customFields":7,"json":7}`,
  nested(5000),
  `{"customFields":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`,
  `{"x":"${'y'.repeat(1_000_000)}"}`,
]

describe('rubbish', () => {
  it.each(routes)('at %s %s is answered 4xx with a code and a message, never 5xx', async (method, path) => {
    const { accessToken } = await emulator.issueTokens({ memberId: 'mem_ada' })
    for (const body of rubbish) {
      const isAdmin = path.startsWith('/members')
      const headers = {
        'x-api-key': isAdmin ? emulator.secretKey : emulator.publicKey,
        authorization: `Bearer ${accessToken}`,
      }
      const answer = await call(method, `${emulator.url}${path}`, { body, headers })
      const isFine = answer.status === 200 && body.startsWith('{"constructor"')
      if (isFine) continue
      expect([path, body.slice(0, 40), answer.status]).toEqual([
        path,
        body.slice(0, 40),
        expect.toBeOneOf([400, 401, 413]),
      ])
      expect(answer.body).toEqual({ code: expect.any(String), message: expect.any(String) })
    }
  })

  it('of other content types is 415, and an empty form is no body', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'x-api-key': emulator.publicKey }
    const form = await call('POST', `${emulator.url}/auth/login`, { body: 'email=a&password=b', headers })
    expect(form).toMatchObject({ status: 415, body: { code: 'unsupported-content-type' } })
    expect(await call('POST', `${emulator.url}/member/logout`, { headers })).toMatchObject({ status: 200 })
  })

  it('in the address is 4xx', async () => {
    const headers = { 'x-api-key': emulator.secretKey }
    const paths = [
      '/members/%zz',
      '/members?first=0',
      '/members?first=1&first=2',
      '/members?order=UP',
      '/members?after=-1',
    ]
    for (const path of paths) {
      expect([path, (await call('GET', `${emulator.adminUrl}${path}`, { headers })).status]).toEqual([
        path,
        400,
      ])
    }
    expect(await call('PUT', `${emulator.adminUrl}/members`, { headers })).toMatchObject({
      status: 404,
      body: { code: 'not-found' },
    })
  })
})

describe('other origins', () => {
  const preflight = (path: string, origin: string): ReturnType<typeof call> =>
    call('OPTIONS', `${emulator.url}${path}`, {
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'x-api-key,authorization,referring-path',
      },
    })

  it('may use the client API with credentials and read ms-mid', async () => {
    const { status, headers } = await preflight('/auth/login', 'https://shop.example')
    expect(status).toBe(204)
    expect(headers.get('access-control-allow-origin')).toBe('https://shop.example')
    expect(headers.get('access-control-allow-credentials')).toBe('true')
    expect(headers.get('access-control-allow-headers')).toBe('x-api-key,authorization,referring-path')
    const answer = await call('GET', `${emulator.url}/member`, {
      headers: { origin: 'https://shop.example', 'x-api-key': emulator.publicKey },
    })
    expect(answer.headers.get('access-control-expose-headers')).toContain('ms-mid')
  })

  it('can read a fault as they can read an answer', async () => {
    emulator.setFault({ route: 'GET /member', status: 500 })
    const answer = await call('GET', `${emulator.url}/member`, {
      headers: { origin: 'https://shop.example' },
    })
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([
      500,
      'https://shop.example',
    ])
  })

  it('get no leave to use the admin API, nor, but for loopback, the test routes', async () => {
    const allowed = async (path: string, origin: string): Promise<string | null> =>
      (await preflight(path, origin)).headers.get('access-control-allow-origin')
    expect(await allowed('/members', 'http://127.0.0.1:8787')).toBeNull()
    expect(await allowed('/members/mem_ada', 'https://shop.example')).toBeNull()
    expect(await allowed('/_emulator/faults', 'https://shop.example')).toBeNull()
    expect(await allowed('/_emulator/faults', 'http://localhost:8787')).toBe('http://localhost:8787')
  })

  it('cannot act through the test routes without a preflight either', async () => {
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1.evil.example']) {
      const answer = await call('POST', `${emulator.url}/_emulator/reset`, { headers: { origin } })
      expect(answer).toMatchObject({ status: 403, body: { code: 'access-denied' } })
    }
  })

  it('cannot reach the test routes by a name that was rebound to 127.0.0.1', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const options = { port: emulator.port, path: '/_emulator/calls', headers: { host: 'evil.example' } }
      httpRequest(options, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
        .on('error', reject)
        .end()
    })
    expect(status).toBe(403)
  })
})

describe('ms-mid', () => {
  it('is in no answer: the emulator renews no member JWT that was not asked for', async () => {
    const day = 24 * 3600
    for (const issuedSecondsAgo of [0, 7 * day, 14 * day - 60]) {
      const { accessToken } = await emulator.issueTokens({ issuedSecondsAgo })
      const headers = { 'x-api-key': emulator.publicKey, authorization: `Bearer ${accessToken}` }
      const answer = await call('GET', `${emulator.url}/member`, { headers })
      expect(answer.body).toMatchObject({ data: { id: 'mem_ada' } })
      expect(answer.headers.get('ms-mid')).toBeNull()
    }
  })
})
