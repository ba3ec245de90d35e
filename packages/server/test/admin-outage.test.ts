import { perennialAuth } from '@perennial/auth/fastify'
import { createPerennial, type Perennial } from '@perennial/auth'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { fastify, type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { exchange, me, pairOf, refresh, type Pair } from './auth-calls.js'
import { newSecret } from './session-world.js'

const staleSeconds = 3600
const minute = 60

let emulator: Emulator
let perennial: Perennial
let app: FastifyInstance
let url: string
let now: number
beforeEach(async () => {
  now = Math.floor(Date.now() / 1000)
  const clock = () => now
  emulator = await startEmulator({ clock, adminRequestsPerSecond: 1_000_000 })
  perennial = await createPerennial({
    store: 'memory:',
    secret: newSecret(),
    memberstack: {
      appId: emulator.appId,
      secretKey: emulator.secretKey,
      adminUrl: emulator.adminUrl,
      issuer: emulator.issuer,
    },
    memberStaleSeconds: staleSeconds,
    clock,
  })
  app = fastify()
  app.register(perennialAuth, { prefix: '/v1/auth', perennial })
  url = await app.listen({ host: '127.0.0.1', port: 0 })
})
afterEach(async () => {
  await app.close()
  await perennial.close()
  await emulator.close()
})

async function signIn(email: string): Promise<Pair> {
  const { id } = emulator.createMember({ email, password: 'perennial-demo' })
  return pairOf(await exchange(url, (await emulator.issueTokens({ memberId: id })).accessToken))
}

const memberRead = 'GET /members/:idOrEmail'
const verification = 'POST /members/verify-token'
const goesDown = (how: object) => {
  for (const route of [memberRead, verification]) emulator.setFault({ route, times: 1_000_000, ...how })
}

describe.each([
  ['answers 500', { status: 500, body: { message: 'down' } }],
  ['answers HTML', { status: 200, body: '<html>maintenance</html>' }],
  ['answers 401 to our key', { status: 401, body: { message: 'bad key' } }],
  ['drops every connection', { dropResponse: true }],
])('an admin API that %s', (_how, fault) => {
  it('for ten minutes signs nobody out: refreshes and requests go on as before', async () => {
    const pairs = await Promise.all(['a', 'b', 'c'].map((name) => signIn(`${name}@example.com`)))
    goesDown(fault)
    for (let passed = 0; passed < 10; passed += 1) {
      now += minute
      for (const [index, pair] of pairs.entries()) {
        const answer = await refresh(url, pair.refreshToken)
        expect([passed, answer.status, answer.text]).toEqual([passed, 200, expect.any(String)])
        pairs[index] = pairOf(answer)
        expect((await me(url, pairOf(answer).accessToken)).status).toBe(200)
      }
    }
    emulator.clearFaults()
    now += minute
    for (const pair of pairs) expect((await refresh(url, pair.refreshToken)).status).toBe(200)
  })

  it('beyond MEMBER_STALE_SECONDS gets 503 and never 401, and costs no refresh token', async () => {
    const pair = await signIn('a@example.com')
    goesDown(fault)
    now += staleSeconds - 1
    const last = pairOf(await refresh(url, pair.refreshToken))
    now += 1
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const answer = await refresh(url, last.refreshToken)
      expect([answer.status, answer.body]).toEqual([
        503,
        { code: 'AUTH_TOKEN_REFRESH_FAILED', error: expect.any(String), retryable: true },
      ])
      expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
      expect(answer.headers.get('www-authenticate')).toBeNull()
      now += 10
    }
    // A good access token needs no admin API at all.
    expect((await me(url, last.accessToken)).status).toBe(200)
    emulator.clearFaults()
    now += 2
    expect((await refresh(url, last.refreshToken)).status).toBe(200)
  })

  it('makes sign-ins wait for better times, and makes no session of them', async () => {
    goesDown(fault)
    const { accessToken } = await emulator.issueTokens()
    const answer = await exchange(url, accessToken)
    expect([answer.status, answer.body]).toEqual([
      503,
      { code: 'AUTH_UNAVAILABLE', error: expect.any(String), retryable: true },
    ])
    emulator.clearFaults()
    now += 2
    expect((await exchange(url, accessToken)).status).toBe(201)
  })
})
