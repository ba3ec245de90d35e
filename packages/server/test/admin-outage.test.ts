import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { exchange, me, pairOf, refresh } from './kit/auth-calls.js'
import { startClockedWorld, type ClockedWorld } from './kit/clocked-world.js'

const staleSeconds = 3600
const minute = 60

let world: ClockedWorld
beforeEach(async () => {
  world = await startClockedWorld({ memberStaleSeconds: staleSeconds })
})
afterEach(() => world.close())

const memberRead = 'GET /members/:idOrEmail'
const verification = 'POST /members/verify-token'
const goesDown = (how: object) => {
  for (const route of [memberRead, verification]) world.emulator.setFault({ route, times: 1_000_000, ...how })
}

describe.each([
  ['answers 500', { status: 500, body: { message: 'down' } }],
  ['answers HTML', { status: 200, body: '<html>maintenance</html>' }],
  ['answers 401 to our key', { status: 401, body: { message: 'bad key' } }],
  ['drops every connection', { dropResponse: true }],
])('an admin API that %s', (_how, fault) => {
  it('for ten minutes signs nobody out: refreshes and requests continue', async () => {
    const pairs = await Promise.all(['a', 'b', 'c'].map((name) => world.signIn(`${name}@example.com`)))
    goesDown(fault)
    for (let passed = 0; passed < 10; passed += 1) {
      world.pass(minute)
      for (const [index, pair] of pairs.entries()) {
        const answer = await refresh(world.url, pair.refreshToken)
        expect([passed, answer.status, answer.text]).toEqual([passed, 200, expect.any(String)])
        pairs[index] = pairOf(answer)
        expect((await me(world.url, pairOf(answer).accessToken)).status).toBe(200)
      }
    }
    world.emulator.clearFaults()
    world.pass(minute)
    for (const pair of pairs) expect((await refresh(world.url, pair.refreshToken)).status).toBe(200)
  })

  it('beyond MEMBER_STALE_SECONDS is 503 and never 401, and the refresh token stays valid', async () => {
    const pair = await world.signIn('a@example.com')
    goesDown(fault)
    world.pass(staleSeconds - 1)
    const last = pairOf(await refresh(world.url, pair.refreshToken))
    world.pass(1)
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const answer = await refresh(world.url, last.refreshToken)
      expect([answer.status, answer.body]).toEqual([
        503,
        { code: 'AUTH_TOKEN_REFRESH_FAILED', error: expect.any(String), retryable: true },
      ])
      expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
      expect(answer.headers.get('www-authenticate')).toBeNull()
      world.pass(10)
    }
    // A good access token needs no admin API at all.
    expect((await me(world.url, last.accessToken)).status).toBe(200)
    world.emulator.clearFaults()
    world.pass(2)
    expect((await refresh(world.url, last.refreshToken)).status).toBe(200)
  })

  it('refuses sign-ins with a retryable error and creates no session', async () => {
    goesDown(fault)
    const { accessToken } = await world.emulator.issueTokens()
    const answer = await exchange(world.url, accessToken)
    expect([answer.status, answer.body]).toEqual([
      503,
      { code: 'AUTH_UNAVAILABLE', error: expect.any(String), retryable: true },
    ])
    world.emulator.clearFaults()
    world.pass(2)
    expect((await exchange(world.url, accessToken)).status).toBe(201)
  })
})
