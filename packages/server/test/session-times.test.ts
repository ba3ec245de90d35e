import { afterEach, describe, expect, it } from 'vitest'
import { call, claimsOf, exchange, me, pairOf, refresh, verdict } from './kit/auth-calls.js'
import { startClockedWorld, type ClockedWorld } from './kit/clocked-world.js'

let world: ClockedWorld
afterEach(() => world.close())

const start = async (options: Parameters<typeof startClockedWorld>[0] = {}) => {
  world = await startClockedWorld(options)
  return world.signIn('a@example.com')
}
const refused = [401, 'AUTH_TOKEN_REFRESH_FAILED'] as const
const hour = 3600
const day = 86_400

const reuses = () => world.events.filter(({ event }) => event === 'session_reuse_detected')

describe('an access token', () => {
  it('is valid until the last second of its hour, and AUTH_TOKEN_EXPIRED after that', async () => {
    const { accessToken } = await start()
    world.pass(hour - 1)
    expect((await me(world.url, accessToken)).status).toBe(200)
    world.pass(1)
    const answer = await me(world.url, accessToken)
    expect(verdict(answer)).toEqual([401, 'AUTH_TOKEN_EXPIRED'])
    expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"')
  })

  it('never expires after its session ends', async () => {
    let pair = await start({ sessionMaxSeconds: 2 * hour })
    const end = world.now() + 2 * hour
    for (const passed of [hour - 10, hour - 10]) {
      world.pass(passed)
      pair = pairOf(await refresh(world.url, pair.refreshToken))
      expect(Number(claimsOf(pair.accessToken)['exp'])).toBe(Math.min(end, world.now() + hour))
    }
    world.pass(19)
    expect((await me(world.url, pair.accessToken)).status).toBe(200)
    world.pass(1)
    expect(verdict(await me(world.url, pair.accessToken))).toEqual([401, 'AUTH_TOKEN_EXPIRED'])
    expect(verdict(await refresh(world.url, pair.refreshToken))).toEqual(refused)
  })
})

describe('a session', () => {
  it('ends with the member JWT it came from, however often it rotates', async () => {
    await start()
    const { accessToken } = await world.emulator.issueTokens({ expiresInSeconds: 2 * hour })
    let pair = pairOf(await exchange(world.url, accessToken))
    world.pass(2 * hour - 1)
    pair = pairOf(await refresh(world.url, pair.refreshToken))
    expect(Number(claimsOf(pair.accessToken)['exp'])).toBe(world.now() + 1)
    world.pass(1)
    expect(verdict(await refresh(world.url, pair.refreshToken))).toEqual(refused)
    expect(verdict(await exchange(world.url, accessToken))).toEqual([401, 'AUTH_TOKEN_EXPIRED'])
  })

  it('ends when it was not refreshed for SESSION_IDLE_SECONDS, and is no longer listed', async () => {
    const idle = await start({ sessionIdleSeconds: day })
    const { accessToken } = await world.emulator.issueTokens({ memberId: 'a@example.com' })
    let used = pairOf(await exchange(world.url, accessToken))
    world.pass(day - 1)
    used = pairOf(await refresh(world.url, used.refreshToken))
    world.pass(1)
    expect(verdict(await refresh(world.url, idle.refreshToken))).toEqual(refused)
    const { body } = await call(world.url, '/v1/auth/sessions', { token: used.accessToken })
    expect(body['sessions']).toMatchObject([{ current: true }])
    world.pass(day - 2)
    expect((await refresh(world.url, used.refreshToken)).status).toBe(200)
  })
})

describe('a rotated-out refresh token', () => {
  it('gets the successor whose answer was lost, however late the client returns', async () => {
    const { refreshToken } = await start()
    const lost = pairOf(await refresh(world.url, refreshToken))
    for (const passed of [1, 60, day]) {
      world.pass(passed)
      const again = pairOf(await refresh(world.url, refreshToken))
      expect(again.refreshToken).toBe(lost.refreshToken)
    }
    expect(reuses()).toEqual([])
  })

  it.each([
    [
      'the access token that came with it',
      (pair: { accessToken: string }) => me(world.url, pair.accessToken),
    ],
    ['the successor itself', (pair: { refreshToken: string }) => refresh(world.url, pair.refreshToken)],
  ])('answers for the grace once its successor was confirmed by %s, and then is theft', async (_how, use) => {
    const first = await start({ refreshGraceSeconds: 30 })
    const second = pairOf(await refresh(world.url, first.refreshToken))
    expect((await use(second)).status).toBe(200)
    world.pass(29)
    const last = pairOf(await refresh(world.url, first.refreshToken))
    expect((await me(world.url, last.accessToken)).status).toBe(200)
    expect(reuses()).toEqual([])
    // What was answered meanwhile did not make the grace any longer.
    world.pass(1)
    expect(verdict(await refresh(world.url, first.refreshToken))).toEqual(refused)
    expect(reuses()).toHaveLength(1)
    for (const { accessToken, refreshToken } of [second, last]) {
      expect(verdict(await me(world.url, accessToken))).toEqual([401, 'AUTH_TOKEN_REVOKED'])
      expect(verdict(await refresh(world.url, refreshToken))).toEqual(refused)
    }
    // Found once, told once; and a fresh sign-in is none of the thief's business.
    expect(reuses()).toHaveLength(1)
    const { accessToken } = await world.emulator.issueTokens({ memberId: 'a@example.com' })
    expect((await exchange(world.url, accessToken)).status).toBe(201)
  })

  it('is no reuse at sign-out, however old it is', async () => {
    const first = await start({ refreshGraceSeconds: 0 })
    let pair = first
    for (let turn = 0; turn < 4; turn += 1) pair = pairOf(await refresh(world.url, pair.refreshToken))
    const { refreshToken } = first
    const signOut = await call(world.url, '/v1/auth/session', { method: 'DELETE', json: { refreshToken } })
    expect(signOut.status).toBe(204)
    expect(verdict(await me(world.url, pair.accessToken))).toEqual([401, 'AUTH_TOKEN_REVOKED'])
    expect(reuses()).toEqual([])
  })
})

describe('rotations of one session above RATE_LIMIT_SESSION_PER_MINUTE', () => {
  it('are 429 and change nothing: the same token is valid a minute later', async () => {
    let pair = await start()
    for (let turn = 0; turn < 10; turn += 1) pair = pairOf(await refresh(world.url, pair.refreshToken))
    const answer = await refresh(world.url, pair.refreshToken)
    expect([...verdict(answer), answer.body['retryable']]).toEqual([429, 'AUTH_RATE_LIMITED', true])
    const wait = Number(answer.headers.get('retry-after'))
    expect(wait).toBeGreaterThan(0)
    expect(wait).toBeLessThanOrEqual(60)
    expect(answer.headers.get('ratelimit')).not.toBeNull()
    expect(answer.headers.get('ratelimit-policy')).not.toBeNull()
    expect((await me(world.url, pair.accessToken)).status).toBe(200)
    world.pass(wait)
    expect((await refresh(world.url, pair.refreshToken)).status).toBe(200)
  })
})
