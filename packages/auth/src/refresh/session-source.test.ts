import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { memberJwt } from '../../test/kit/member-tokens.js'
import {
  createInstance,
  createSharedParts,
  signInAt,
  memberOf,
  readAccessToken,
  type Instance,
  type SharedParts,
} from '../../test/session-world.js'
import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import { unsealSnapshot } from '../members/membership.js'
import { formatRefreshToken } from '../sessions/index.js'
import { advanceFrom, claimForTest, listOf } from '../../test/kit/claimed-store.js'
import { createMemoryStore } from '../stores/memory.js'
import type { Store } from '../stores/store.js'
import { createFakeTime, type FakeTime } from '../../test/kit/fake-time.js'

let world: FakeTime
let parts: SharedParts
let store: Store
let instance: Instance
let first: string
let sessionId: string
let trips: string[]

const countingStore = (sessions: Store['sessions']): Store['sessions'] =>
  new Proxy(sessions, {
    get: (target, name, receiver) => {
      const method: unknown = Reflect.get(target, name, receiver)
      if (typeof method !== 'function') return method
      return (...inputs: unknown[]): unknown => {
        trips.push(String(name))
        return Reflect.apply(method, target, inputs)
      }
    },
  })

beforeEach(async () => {
  world = createFakeTime()
  parts = createSharedParts(world)
  store = createMemoryStore(world)
  trips = []
  instance = createInstance({ ...store, sessions: countingStore(store.sessions) }, parts)
  await instance.revocations.load()
  ;({ refreshToken: first, sessionId } = await signInAt(instance, parts))
  trips = []
  parts.admin.asked.length = 0
  parts.events.length = 0
})

const refreshed = async (token: string) => {
  const outcome = await instance.refresh(token)
  if (outcome.kind !== 'refreshed') throw new Error(`${outcome.kind}: ${outcome.reason}`)
  return { ...outcome, refreshToken: outcome.refreshToken ?? '' }
}
const sight = async (accessToken: string) => {
  await instance.authenticate(accessToken)
  await instance.confirmations.flush()
}
const withoutPlan = () => ({
  kind: 'found' as const,
  member: { ...memberOf('mem_ada'), activePlanIds: [] },
  readAt: world.now,
})
const tokenOf = (generation: number) => formatRefreshToken(parts.secrets, { sessionId, generation })

describe('a refresh of a session', () => {
  it('answers nobody once this process knows that the session has ended, not even a call that began before', async () => {
    const { refreshToken } = await refreshed(first)
    await world.pass(31)
    const signOutMeanwhile = async () =>
      void (await instance.sessions.signOutByRefreshToken(refreshToken, { requestId: 'req' }))
    const outcome = await instance.refresh(first, { spend: signOutMeanwhile })
    expect(outcome).toMatchObject({ kind: 'refused', reason: 'revoked', sessionId })
  })

  it('answers with new tokens of the next generation', async () => {
    const outcome = await refreshed(first)
    expect(outcome).toMatchObject({
      how: 'rotated',
      memberId: 'mem_ada',
      sessionId,
      refreshToken: tokenOf(2),
    })
    expect(readAccessToken(outcome.accessToken)).toMatchObject({
      sessionId,
      generation: 2,
      memberId: 'mem_ada',
    })
  })

  it('costs two store round trips and one question to the admin API that waits a second at most', async () => {
    await refreshed(first)
    expect(trips).toEqual(['read', 'replace'])
    expect(parts.admin.asked).toEqual([{ what: 'member', waitSeconds: 1 }])
  })

  it('of 1,000 at once rotates once and gives all the same refresh token', async () => {
    const outcomes = await Promise.all(Array.from({ length: 1_000 }, () => refreshed(first)))
    expect(new Set(outcomes.map(({ refreshToken }) => refreshToken))).toEqual(new Set([tokenOf(2)]))
    expect(outcomes.filter(({ how }) => how === 'rotated')).toHaveLength(1)
    expect(await store.sessions.read(sessionId)).toMatchObject({ generation: 2 })
  })

  it('of callers who come one after another gives all one access token, and half a minute later a new one', async () => {
    const { accessToken } = await refreshed(first)
    for (let replay = 0; replay < 49; replay++) expect((await refreshed(first)).accessToken).toBe(accessToken)
    await world.pass(30)
    const later = await refreshed(first)
    expect(later.accessToken).not.toBe(accessToken)
    expect(readAccessToken(later.accessToken)).toMatchObject({ sessionId, generation: 2 })
  })

  it('never gives the access token of another generation than its refresh token', async () => {
    const second = await refreshed(first)
    const third = await refreshed(second.refreshToken)
    expect(readAccessToken(third.accessToken)).toMatchObject({ generation: 3 })
    // Another instance moves the session on; what this one gave last is out of date.
    await advanceFrom(claimForTest(store, parts.secrets).sessions, {
      id: sessionId,
      fromGeneration: 3,
      toGeneration: 4,
      at: world.now,
      sealedMember: null,
    })
    const replayed = await refreshed(third.refreshToken)
    expect(replayed).toMatchObject({ how: 'replayed', refreshToken: tokenOf(4) })
    expect(readAccessToken(replayed.accessToken)).toMatchObject({ generation: 4 })
  })

  it('after a lost response gives the same refresh token again, a week later too', async () => {
    const { refreshToken } = await refreshed(first)
    await world.pass(604_799)
    expect(await refreshed(first)).toMatchObject({ how: 'replayed', refreshToken })
  })

  it('catches up with a store that lost writes', async () => {
    expect(await refreshed(tokenOf(5))).toMatchObject({ how: 'caught_up', refreshToken: tokenOf(6) })
    expect(await refreshed(tokenOf(5))).toMatchObject({ how: 'replayed', refreshToken: tokenOf(6) })
  })

  it('never outlives the session', async () => {
    await world.pass(600_000)
    const second = await refreshed(first)
    await world.pass(600_000)
    const third = await refreshed(second.refreshToken)
    await world.pass(9_599)
    const { accessToken, refreshToken: last } = await refreshed(third.refreshToken)
    expect(readAccessToken(accessToken).expiresAt).toBe(world.now + 1)
    await world.pass(1)
    expect(await instance.refresh(last)).toMatchObject({ kind: 'refused', reason: 'expired' })
  })
})

describe('a refusal', () => {
  it('of garbage touches neither store nor admin API', async () => {
    for (const garbage of ['', 'x', first.slice(1), `${first}A`, `${first.slice(0, -1)}\n`]) {
      expect(await instance.refresh(garbage)).toEqual({ kind: 'refused', reason: 'malformed' })
    }
    expect(trips).toEqual([])
    expect(parts.admin.asked).toEqual([])
  })

  it('of an unknown, ended or expired session costs no question to the admin API and nothing of its share', async () => {
    const spent: string[] = []
    const spend = async (key: string) => void spent.push(key)
    const unknown = formatRefreshToken(parts.secrets, {
      sessionId: randomBytes(16).toString('base64url'),
      generation: 1,
    })
    expect(await instance.refresh(unknown, { spend })).toMatchObject({ kind: 'refused', reason: 'unknown' })
    await store.sessions.end(sessionId, 'sign_out', world.now)
    expect(await instance.refresh(first, { spend })).toMatchObject({ kind: 'refused', reason: 'revoked' })
    expect(parts.admin.asked).toEqual([])
    expect(spent).toEqual([])
  })

  it('comes for a session that this process saw end, though the store has lost that', async () => {
    instance.revocations.note([{ id: sessionId, endedAt: world.now }])
    expect(await instance.refresh(first)).toMatchObject({ kind: 'refused', reason: 'revoked', sessionId })
    expect((await store.sessions.read(sessionId))?.generation).toBe(1)
  })

  it('of a reused token ends the session in the store before it answers, and is told once', async () => {
    const second = await refreshed(first)
    await sight(second.accessToken)
    await world.pass(30)
    trips = []
    const outcomes = await Promise.all([instance.refresh(first), instance.refresh(first)])
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ kind: 'refused', sessionId, memberId: 'mem_ada' })
    expect(await store.sessions.read(sessionId)).toMatchObject({ endReason: 'reuse', endedAt: world.now })
    expect(instance.revocations.isEnded(sessionId)).toBe(true)
    const told = parts.events.filter(({ event }) => event === 'session_reuse_detected')
    expect(told).toMatchObject([{ sessionId, memberId: 'mem_ada', requestId: 'req', reason: 'reused' }])
    expect(await instance.refresh(second.refreshToken)).toMatchObject({ kind: 'refused', reason: 'revoked' })
  })

  it('of a reused token that cannot be stored is no refusal but trouble', async () => {
    const second = await refreshed(first)
    await sight(second.accessToken)
    await world.pass(30)
    const down = { ...store.sessions, end: () => Promise.reject(failure('storeUnreachable')) }
    const other = createInstance({ ...store, sessions: down }, parts)
    await expect(other.refresh(first)).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE', status: 503 })
    expect(await store.sessions.read(sessionId)).toMatchObject({ endedAt: null })
    expect(await instance.refresh(first)).toMatchObject({ kind: 'refused', reason: 'reused' })
  })
})

describe('membership', () => {
  it('of a deleted member or one without a plan ends all his sessions before the answer', async () => {
    const memberToken = memberJwt({ iat: world.now, exp: world.now + 9_999 })
    const other = await instance.sessions.signIn({ memberToken, userAgent: null, requestId: 'req' })
    parts.admin.member = { kind: 'deleted' }
    expect(await instance.refresh(first)).toMatchObject({ kind: 'refused', reason: 'member_deleted' })
    expect(await listOf(store.sessions, 'mem_ada', world.now)).toEqual([])
    parts.admin.member = undefined
    expect(await instance.refresh(other.refreshToken)).toMatchObject({ kind: 'refused', reason: 'revoked' })

    const again = await instance.sessions.signIn({ memberToken, userAgent: null, requestId: 'req' })
    parts.admin.member = withoutPlan()
    expect(await instance.refresh(again.refreshToken)).toMatchObject({ kind: 'refused', reason: 'plan_lost' })
    const reasons = parts.events
      .filter(({ event }) => event === 'session_revoked')
      .map(({ reason }) => reason)
    expect(reasons).toEqual(['member_deleted', 'member_deleted', 'plan_lost'])
  })

  it('that cannot be known burns no refresh token', async () => {
    parts.admin.member = { kind: 'unavailable', retryAfterSeconds: 7 }
    const outcome = {
      kind: 'unavailable',
      status: 503,
      retryAfterSeconds: 7,
      reason: 'admin',
      target: 'admin',
    }
    expect(await instance.refresh(first)).toEqual(outcome)
    expect(trips).toEqual(['read'])
    parts.admin.member = undefined
    expect(await refreshed(first)).toMatchObject({ how: 'rotated', refreshToken: tokenOf(2) })
  })

  it('is kept with the session', async () => {
    const member = { ...memberOf('mem_ada'), email: 'new@example.com' }
    parts.admin.member = { kind: 'found', member, readAt: world.now }
    await refreshed(first)
    const sealed = (await store.sessions.read(sessionId))?.sealedMember ?? ''
    expect(unsealSnapshot(parts.secrets, 'mem_ada', sealed)).toEqual({ member, readAt: world.now })
  })

  it('is asked again for a replay, but not for those that follow within half a minute', async () => {
    await refreshed(first)
    for (let replay = 0; replay < 50; replay++) await refreshed(first)
    expect(parts.admin.asked).toHaveLength(1)
    await world.pass(30)
    await refreshed(first)
    expect(parts.admin.asked).toHaveLength(2)
  })
})

describe('the session’s share', () => {
  it('is spent by a rotation, and not by the replays that share its answer', async () => {
    const spent: string[] = []
    const spend = async (key: string) => void spent.push(key)
    for (let call = 0; call < 20; call++) await instance.refresh(first, { spend })
    expect(spent).toEqual([sessionId])
  })

  it('once used up leaves everything as it was', async () => {
    const spend = () => Promise.reject(new AuthError('AUTH_RATE_LIMITED', 'too many'))
    await expect(instance.refresh(first, { spend })).rejects.toMatchObject({ code: 'AUTH_RATE_LIMITED' })
    expect(parts.admin.asked).toEqual([])
    expect(await store.sessions.read(sessionId)).toMatchObject({ generation: 1 })
  })
})

describe('trouble', () => {
  it('with signing after the rotation costs nothing: the next try gets the same refresh token', async () => {
    parts.issuing.down = true
    await expect(instance.refresh(first)).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    parts.issuing.down = false
    expect(await refreshed(first)).toMatchObject({ how: 'replayed', refreshToken: tokenOf(2) })
  })

  it('with a compare-and-set that is lost again and again is 503', async () => {
    const session = await store.sessions.read(sessionId)
    const restless = { ...store.sessions, replace: async () => session }
    const other = createInstance({ ...store, sessions: restless }, parts)
    await expect(other.refresh(first)).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE', retryable: true })
  })

  it('with a session that vanishes during the refresh is a refusal', async () => {
    const empty = { ...store.sessions, replace: async () => null }
    const other = createInstance({ ...store, sessions: empty }, parts)
    expect(await other.refresh(first)).toMatchObject({ kind: 'refused', reason: 'unknown' })
  })
})
