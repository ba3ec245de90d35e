import { beforeEach, describe, expect, it } from 'vitest'
import { memberJwt } from '../../test/kit/member-tokens.js'
import {
  createInstance,
  createSharedParts,
  memberOf,
  readAccessToken,
  type Instance,
  type SharedParts,
} from '../../test/session-world.js'
import { failure } from '../base/failures.js'
import { listOf } from '../../test/kit/claimed-store.js'
import { createMemoryStore } from '../stores/memory.js'
import type { Store } from '../stores/store.js'
import { createFakeTime, type FakeTime } from '../../test/kit/fake-time.js'
import { parseRefreshToken } from './refresh-token.js'

let world: FakeTime
let parts: SharedParts
let store: Store
let instance: Instance

beforeEach(() => {
  world = createFakeTime()
  parts = createSharedParts(world, { signInMaxAgeSeconds: 86_400 })
  store = createMemoryStore(world)
  instance = createInstance(store, parts)
})

const goodClaims = () => ({ iat: world.now, exp: world.now + 1_209_600 })
const signIn = (memberToken = memberJwt(goodClaims()), userAgent: string | null = 'Browser/1.0') =>
  instance.sessions.signIn({ memberToken, userAgent, requestId: 'req_1' })
const idOf = (refreshToken: string) => parseRefreshToken(parts.secrets, refreshToken)?.sessionId ?? ''
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'ok',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  )

describe('signing in', () => {
  it('makes a session with its first tokens, and tells of it', async () => {
    const { accessToken, refreshToken } = await signIn()
    const parsed = parseRefreshToken(parts.secrets, refreshToken)
    expect(parsed?.generation).toBe(1)
    const session = await store.sessions.read(parsed?.sessionId ?? '')
    expect(session).toMatchObject({ memberId: 'mem_ada', userAgent: 'Browser/1.0', createdAt: world.now })
    expect(readAccessToken(accessToken)).toMatchObject({ generation: 1, sessionId: parsed?.sessionId })
    expect(parts.events).toMatchObject([
      { event: 'session_created', memberId: 'mem_ada', sessionId: parsed?.sessionId, requestId: 'req_1' },
    ])
  })

  it('makes each time a session of its own', async () => {
    const token = memberJwt(goodClaims())
    const [one, two] = [await signIn(token), await signIn(token)]
    expect(idOf(one.refreshToken)).not.toBe(idOf(two.refreshToken))
  })

  it('outlives neither the longest session nor the member token', async () => {
    const long = await signIn(memberJwt({ iat: world.now, exp: world.now + 9_999_999 }))
    expect((await store.sessions.read(idOf(long.refreshToken)))?.expiresAt).toBe(world.now + 1_209_600)
    const short = await signIn(memberJwt({ iat: world.now - 100, exp: world.now + 60 }))
    expect((await store.sessions.read(idOf(short.refreshToken)))?.expiresAt).toBe(world.now + 60)
    expect(readAccessToken(short.accessToken).expiresAt).toBe(world.now + 60)
  })

  it('takes a member token until the second before its own end, and of no later issue than 5 s ahead', async () => {
    expect(await codeOf(signIn(memberJwt({ iat: world.now - 9, exp: world.now + 1 })))).toBe('ok')
    expect(await codeOf(signIn(memberJwt({ iat: world.now - 9, exp: world.now })))).toBe('AUTH_TOKEN_EXPIRED')
    expect(await codeOf(signIn(memberJwt({ iat: world.now + 5, exp: world.now + 99 })))).toBe('ok')
    const early = memberJwt({ iat: world.now + 6, exp: world.now + 99 })
    expect(await codeOf(signIn(early))).toBe('AUTH_TOKEN_INVALID')
  })

  it('takes no member token older than it is told to', async () => {
    const exp = world.now + 99
    expect(await codeOf(signIn(memberJwt({ iat: world.now - 86_399, exp })))).toBe('ok')
    expect(await codeOf(signIn(memberJwt({ iat: world.now - 86_400, exp })))).toBe('AUTH_TOKEN_EXPIRED')
  })

  it('refuses a token of another app or issuer, a forged one, and garbage', async () => {
    const bad = [
      memberJwt({ ...goodClaims(), aud: 'app_other' }),
      memberJwt({ ...goodClaims(), iss: 'https://evil.example' }),
      `${memberJwt(goodClaims()).slice(0, -4)}AAAA`,
      'garbage',
      'a.b.c',
    ]
    for (const token of bad) expect(await codeOf(signIn(token)), token).toBe('AUTH_TOKEN_INVALID')
    expect(parts.events).toEqual([])
  })

  it('refuses a token without exp, iat or a member, and one that is not to be used yet', async () => {
    const shapeless = [
      { exp: null },
      { iat: null },
      { exp: '9999999999' },
      { exp: world.now * 1000 },
      { id: null },
    ]
    const early = [{ nbf: world.now + 6 }, { nbf: '0' }]
    for (const change of [...shapeless, ...early])
      expect(await codeOf(signIn(memberJwt({ ...goodClaims(), ...change }))), JSON.stringify(change)).toBe(
        'AUTH_TOKEN_INVALID',
      )
    expect(parts.admin.asked).toEqual([])
    expect(await codeOf(signIn(memberJwt({ ...goodClaims(), nbf: world.now + 5 })))).toBe('ok')
  })

  it('believes what Memberstack says of a token, not what the token says of itself', async () => {
    const claims = { id: 'mem_ada', type: 'member', aud: 'app_test', iss: 'https://api.memberstack.com' }
    const verified = (change: object) => ({
      kind: 'verified' as const,
      claims: { ...claims, ...goodClaims(), ...change },
    })
    parts.admin.tokenReading = verified({ aud: 'app_other' })
    expect(await codeOf(signIn())).toBe('AUTH_TOKEN_INVALID')
    parts.admin.tokenReading = verified({ exp: world.now })
    expect(await codeOf(signIn())).toBe('AUTH_TOKEN_EXPIRED')
    parts.admin.tokenReading = verified({ iat: Number.NaN })
    expect(await codeOf(signIn())).toBe('AUTH_TOKEN_INVALID')
  })

  it('takes an answer about another member for trouble, not for a sign-in of that member', async () => {
    const claims = { id: 'mem_eve', aud: 'app_test', iss: 'https://api.memberstack.com', ...goodClaims() }
    parts.admin.tokenReading = { kind: 'verified', claims }
    await expect(signIn()).rejects.toMatchObject({
      code: 'AUTH_UNAVAILABLE',
      reason: 'malformed',
      retryable: true,
      retryAfterSeconds: 1,
    })
  })

  it('asks Memberstack nothing about what cannot be good', async () => {
    await codeOf(signIn('garbage'))
    await codeOf(signIn(memberJwt({ iat: 1, exp: world.now })))
    await codeOf(signIn(memberJwt({ ...goodClaims(), aud: 'app_other' })))
    expect(parts.admin.asked).toEqual([])
  })

  it('waits for the quota 5 s at most over both questions, then is 503 and retryable', async () => {
    await signIn()
    expect(parts.admin.asked).toEqual([
      { what: 'token', waitSeconds: 5 },
      { what: 'member', waitSeconds: 5 },
    ])
    parts.admin.tokenReading = { kind: 'unavailable', retryAfterSeconds: 3 }
    await expect(signIn()).rejects.toMatchObject({
      code: 'AUTH_UNAVAILABLE',
      status: 503,
      retryable: true,
      retryAfterSeconds: 3,
    })
    parts.admin.tokenReading = undefined
    parts.admin.member = { kind: 'unavailable', retryAfterSeconds: 4 }
    await expect(signIn()).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE', retryAfterSeconds: 4 })
  })

  it('refuses a deleted member, and one without a required plan', async () => {
    parts.admin.member = { kind: 'deleted' }
    await expect(signIn()).rejects.toMatchObject({ code: 'AUTH_USER_CONTEXT_INVALID', status: 401 })
    const member = { ...memberOf('mem_ada'), activePlanIds: [] }
    parts.admin.member = { kind: 'found', member, readAt: world.now }
    await expect(signIn()).rejects.toMatchObject({ code: 'AUTH_ROLE_INSUFFICIENT', status: 403 })
    expect(await listOf(store.sessions, 'mem_ada', world.now)).toEqual([])
  })

  it('leaves no session behind when there is no key to sign with', async () => {
    parts.issuing.down = true
    expect(await codeOf(signIn())).toBe('AUTH_UNAVAILABLE')
    expect(await listOf(store.sessions, 'mem_ada', world.now)).toEqual([])
  })

  it('cuts a user agent that is too long', async () => {
    const { refreshToken } = await signIn(undefined, 'x'.repeat(10_000))
    expect((await store.sessions.read(idOf(refreshToken)))?.userAgent).toHaveLength(256)
  })
})

describe('signing out', () => {
  it('of one session ends it, stored before it is answered, and leaves the others', async () => {
    const [one, two] = [await signIn(), await signIn()]
    const request = { sessionId: idOf(one.refreshToken), memberId: 'mem_ada', requestId: 'req_2' }
    expect(await instance.sessions.signOut(request)).toBe(true)
    expect(await store.sessions.read(request.sessionId)).toMatchObject({ endReason: 'sign_out' })
    expect(instance.revocations.isEnded(request.sessionId)).toBe(true)
    expect(await instance.refresh(one.refreshToken)).toMatchObject({ kind: 'refused', reason: 'revoked' })
    expect(await instance.refresh(two.refreshToken)).toMatchObject({ kind: 'refreshed' })
    expect(await instance.sessions.signOut(request)).toBe(true)
    const told = parts.events.filter(({ event }) => event === 'session_revoked')
    expect(told).toMatchObject([{ sessionId: request.sessionId, reason: 'sign_out', requestId: 'req_2' }])
  })

  it('knows nobody else’s session and none that never was', async () => {
    const sessionId = idOf((await signIn()).refreshToken)
    const outcome = (memberId: string, id: string) =>
      instance.sessions.signOut({ sessionId: id, memberId, requestId: 'req' })
    expect(await outcome('mem_bob', sessionId)).toBe(false)
    expect(await outcome('mem_ada', `${sessionId}=`)).toBe(false)
    expect(await outcome('mem_ada', 'AAAAAAAAAAAAAAAAAAAAAA')).toBe(false)
    expect(await outcome('mem_ada', '')).toBe(false)
    expect(await store.sessions.read(sessionId)).toMatchObject({ endedAt: null })
  })

  it('everywhere ends all of a member, and refuses the member tokens issued until that second', async () => {
    const before = memberJwt(goodClaims())
    const signedIn = [await signIn(before), await signIn(before)]
    await instance.sessions.signOutEverywhere('mem_ada', 'req')
    for (const { refreshToken } of signedIn) {
      expect(await instance.refresh(refreshToken)).toMatchObject({ kind: 'refused', reason: 'revoked' })
      expect(instance.revocations.isEnded(idOf(refreshToken))).toBe(true)
    }
    expect(await codeOf(signIn(before))).toBe('AUTH_TOKEN_REVOKED')
    await world.pass(1)
    expect(await codeOf(signIn(before))).toBe('AUTH_TOKEN_REVOKED')
    expect(await codeOf(signIn(memberJwt(goodClaims())))).toBe('ok')
  })

  it('with a refresh token of any generation ends its session, and is never reuse', async () => {
    const { refreshToken: first } = await signIn()
    let token = first
    for (let turn = 0; turn < 5; turn++) {
      const outcome = await instance.refresh(token)
      if (outcome.kind === 'refreshed' && outcome.refreshToken) token = outcome.refreshToken
    }
    await instance.sessions.signOutByRefreshToken(first, { requestId: 'req' })
    expect(await store.sessions.read(idOf(first))).toMatchObject({ endReason: 'sign_out' })
    expect(parts.events.map(({ event }) => event)).not.toContain('session_reuse_detected')
    expect(await instance.refresh(token)).toMatchObject({ kind: 'refused', reason: 'revoked' })
  })

  it('with a token that is none changes nothing and does not fail', async () => {
    const { refreshToken } = await signIn()
    for (const token of ['', 'garbage', `${refreshToken}=`, refreshToken.slice(1)]) {
      await instance.sessions.signOutByRefreshToken(token, { requestId: 'req' })
    }
    expect(await instance.refresh(refreshToken)).toMatchObject({ kind: 'refreshed' })
  })

  it('that cannot be stored is 503, and nothing counts as ended', async () => {
    const { refreshToken } = await signIn()
    const down = () => Promise.reject(failure('storeUnreachable'))
    const other = createInstance(
      { ...store, sessions: { ...store.sessions, end: down, refuseSignIns: down, endSomeOf: down } },
      parts,
    )
    const request = { sessionId: idOf(refreshToken), memberId: 'mem_ada', requestId: 'req' }
    expect(await codeOf(other.sessions.signOut(request))).toBe('AUTH_UNAVAILABLE')
    expect(await codeOf(other.sessions.signOutByRefreshToken(refreshToken, { requestId: 'req' }))).toBe(
      'AUTH_UNAVAILABLE',
    )
    expect(await codeOf(other.sessions.signOutEverywhere('mem_ada', 'req'))).toBe('AUTH_UNAVAILABLE')
    expect(other.revocations.isEnded(request.sessionId)).toBe(false)
    expect(parts.events.map(({ event }) => event)).toEqual(['session_created'])
  })
})

describe('the list of sessions', () => {
  it('has a member’s live ones, newest first, and none that is idle too long', async () => {
    const old = idOf((await signIn()).refreshToken)
    await world.pass(604_799)
    const recent = idOf((await signIn()).refreshToken)
    const ids = async () => (await instance.sessions.listOf('mem_ada')).map(({ id }) => id)
    expect(await ids()).toEqual([recent, old])
    await world.pass(1)
    expect(await ids()).toEqual([recent])
    expect(await instance.sessions.listOf('mem_bob')).toEqual([])
  })
})
