import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { call, exchange, me, pairOf, refresh, verdict, type Pair } from './kit/auth-calls.js'
import { startSessionWorld, type SessionWorld } from './kit/session-world.js'

let world: SessionWorld
let blocker: DatabaseSync
beforeEach(async () => {
  world = await startSessionWorld()
  blocker = new DatabaseSync(world.storePath)
})
afterEach(async () => {
  blocker.close()
  await world.close()
})

const url = () => world.service.url
const memberToken = async () => (await world.emulator.issueTokens()).accessToken
const signIn = async (): Promise<Pair> => pairOf(await exchange(url(), await memberToken()))

describe('a store that cannot be written', () => {
  it('is 503 and retryable, never 401, keeps every token valid, and does not affect routes that only read', async () => {
    const [ours, other] = [await signIn(), await signIn()]
    const sessionPath = '/v1/auth/session'
    blocker.exec('BEGIN IMMEDIATE')
    const [refreshed, signedIn, signedOut, byToken, everywhere, ready] = await Promise.all([
      refresh(url(), ours.refreshToken),
      exchange(url(), await memberToken()),
      call(url(), sessionPath, { method: 'DELETE', token: other.accessToken }),
      call(url(), sessionPath, { method: 'DELETE', json: { refreshToken: other.refreshToken } }),
      call(url(), '/v1/auth/sessions', { method: 'DELETE', token: ours.accessToken }),
      call(url(), '/readyz'),
    ])
    expect(verdict(refreshed)).toEqual([503, 'AUTH_TOKEN_REFRESH_FAILED'])
    for (const answer of [signedIn, signedOut, byToken, everywhere])
      expect(verdict(answer)).toEqual([503, 'AUTH_UNAVAILABLE'])
    for (const answer of [refreshed, signedIn, signedOut, byToken, everywhere]) {
      expect(answer.body['retryable']).toBe(true)
      expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
    }
    expect(ready.status).toBe(503)
    expect((await call(url(), '/healthz')).status).toBe(200)
    for (const { accessToken } of [ours, other]) expect((await me(url(), accessToken)).status).toBe(200)

    blocker.exec('ROLLBACK')
    const next = pairOf(await refresh(url(), ours.refreshToken))
    expect((await me(url(), next.accessToken)).status).toBe(200)
    expect((await refresh(url(), other.refreshToken)).status).toBe(200)
    const { body } = await call(url(), '/v1/auth/sessions', { token: next.accessToken })
    // The sign-in that was 503 left no session behind.
    expect(body['sessions']).toHaveLength(2)
    expect((await call(url(), '/readyz')).status).toBe(200)
  })

  it('delays a refresh, without failing it, if it can be written again within two seconds', async () => {
    const { refreshToken } = await signIn()
    blocker.exec('BEGIN IMMEDIATE')
    const waiting = refresh(url(), refreshToken)
    // Once the member was read, all that is left is the writing.
    const reads = () => world.emulator.calls()['GET /members/:idOrEmail']
    await expect.poll(reads, { interval: 5 }).toBe(2)
    blocker.exec('ROLLBACK')
    expect((await waiting).status).toBe(200)
  })
})
