import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { claimForTest, noEpochs } from '../../test/kit/claimed-store.js'
import { createFakeTime, type FakeTime } from '../../test/kit/fake-time.js'
import { memberJwt } from '../../test/kit/member-tokens.js'
import { provenBy } from '../../test/kit/proofs.js'
import {
  createInstance,
  createSharedParts,
  type Instance,
  type SharedParts,
} from '../../test/session-world.js'
import { createMemoryStore } from '../stores/memory.js'
import type { Store } from '../stores/store.js'
import { parseRefreshToken } from './refresh-token.js'
import { createSessions } from './sign-in-and-out.js'

let world: FakeTime
let parts: SharedParts
let store: Store
let instance: Instance

beforeEach(() => {
  world = createFakeTime()
  start()
})

function start(
  settings: Parameters<typeof createSharedParts>[1] = {},
  change: Partial<Store['sessions']> = {},
) {
  parts = createSharedParts(world, settings)
  const memory = createMemoryStore(world)
  store = { ...memory, sessions: { ...memory.sessions, ...change } }
  instance = createInstance(store, parts)
}

type SignIn = Parameters<Instance['sessions']['signIn']>[0]

const signIn = (change: Partial<SignIn> = {}) =>
  instance.sessions.signIn({
    memberToken: memberJwt({ iat: world.now, exp: world.now + 1_209_600 }),
    userAgent: 'Browser/1.0',
    requestId: 'req_1',
    ...change,
  })
const idOf = (refreshToken: string) => parseRefreshToken(parts.secrets, refreshToken)?.sessionId ?? ''
const cnfOf = (accessToken: string): unknown =>
  JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()).cnf

describe('a sign-in with a proof', () => {
  it('binds the session to its key, and the access token only if all of them are bound', async () => {
    const signedIn = await signIn({ proof: provenBy('thumbprint') })
    expect(Object.keys(signedIn)).toEqual(['accessToken', 'refreshToken'])
    expect(cnfOf(signedIn.accessToken)).toBeUndefined()
    expect(await store.sessions.read(idOf(signedIn.refreshToken))).toMatchObject({ jkt: 'thumbprint' })
    start({ dpopMode: 'all' })
    const bound = await signIn({ proof: provenBy('thumbprint') })
    expect(bound.isBound).toBe(true)
    expect(cnfOf(bound.accessToken)).toEqual({ jkt: 'thumbprint' })
    const bearer = await signIn()
    expect(bearer).not.toHaveProperty('isBound')
    expect(cnfOf(bearer.accessToken)).toBeUndefined()
  })

  it('that was used before begins no session, and asks Memberstack for no member', async () => {
    const proof = { ...provenBy('thumbprint'), use: async () => 'repeated' as const }
    await expect(signIn({ proof })).rejects.toMatchObject({
      code: 'AUTH_PROOF_INVALID',
      reason: 'repeated',
      subject: { memberId: 'mem_ada' },
    })
    expect(parts.admin.asked.map(({ what }) => what)).toEqual(['token'])
  })
})

describe('a sign-in', () => {
  it('keeps the user agent up to 256 characters as UTF-8, or none', async () => {
    const kept = async (userAgent: string | null) =>
      (await store.sessions.read(idOf((await signIn({ userAgent })).refreshToken)))?.userAgent
    expect(await kept(null)).toBeNull()
    expect(await kept('x'.repeat(256))).toBe('x'.repeat(256))
    // A pair of surrogates that is cut in two would not be the same text after it was stored.
    expect(await kept(`${'x'.repeat(255)}😀`)).toBe(`${'x'.repeat(255)}\uFFFD`)
  })

  it('during which all sessions end is repeated in the new epoch, five times at most', async () => {
    let outdated = 4
    const rows = createMemoryStore(world).sessions
    const tries: number[] = []
    start(
      {},
      {
        insert: async (row, request) => {
          tries.push(row.epoch)
          return outdated-- > 0 ? { kind: 'outdated' } : await rows.insert(row, request)
        },
      },
    )
    await signIn()
    expect(tries).toHaveLength(5)
    expect(parts.events.map(({ event }) => event)).toEqual(['session_created'])
    outdated = 5
    await expect(signIn()).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE', reason: 'contended' })
    expect(tries).toHaveLength(10)
  })

  it('names the member whose sign-in is refused', async () => {
    const refusals = [
      [{ kind: 'deleted' }, 'AUTH_USER_CONTEXT_INVALID'],
      [{ kind: 'unavailable', retryAfterSeconds: 7 }, 'AUTH_UNAVAILABLE'],
    ] as const
    for (const [member, code] of refusals) {
      parts.admin.member = member
      const error: unknown = await signIn().catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code })
      if (member.kind === 'deleted') expect(error).toMatchObject({ subject: { memberId: 'mem_ada' } })
      else expect(error).toMatchObject({ retryAfterSeconds: 7 })
    }
  })

  it('after a sign-out everywhere is refused for the member of its JWT', async () => {
    const memberToken = memberJwt({ iat: world.now, exp: world.now + 60 })
    await signIn({ memberToken })
    await instance.sessions.signOutEverywhere('mem_ada', 'req_2')
    await expect(signIn({ memberToken })).rejects.toMatchObject({
      code: 'AUTH_TOKEN_REVOKED',
      subject: { memberId: 'mem_ada' },
    })
    expect(parts.events.at(-1)).toMatchObject({ reason: 'sign_out_everywhere', requestId: 'req_2' })
  })

  it('waits for the quota as a member of its address, for what is left of 5 s', async () => {
    const asked: unknown[] = []
    const memory = createMemoryStore(world)
    const sessions = createSessions({
      store: claimForTest(memory, parts.secrets, 'app_test', world.clock).sessions,
      epochs: noEpochs,
      secrets: parts.secrets,
      verifyMemberToken: async () => {
        await world.pass(2)
        return {
          id: 'mem_ada',
          type: 'member',
          aud: 'app_test',
          iss: 'x',
          iat: world.now,
          exp: world.now + 60,
        }
      },
      membership: {
        check: async (memberId, options) => {
          asked.push(memberId, options)
          return { kind: 'unavailable', retryAfterSeconds: 1 }
        },
        lastKnown: () => null,
        mayServe: () => false,
      },
      issueAccessToken: () => expect.fail(),
      ender: {
        end: () => expect.fail(),
        noteEnded: () => {},
        endAllOf: async () => 0,
        endEverything: async () => 0,
      },
      telemetry: { emit: () => {}, observeUpstream: () => {}, observeLimits: () => {} },
      clock: world.clock,
      randomBytes,
      maxSeconds: 60,
      idleSeconds: 60,
      maxSessions: 1,
      dpop: { mode: 'refresh', required: false },
    })
    const request = { memberToken: 'jwt', userAgent: null, requestId: 'req' }
    for (const address of ['192.0.2.1', undefined])
      await expect(sessions.signIn({ ...request, address })).rejects.toMatchObject({
        code: 'AUTH_UNAVAILABLE',
      })
    const options = { waitSeconds: 3, sealedMember: null, requestId: 'req' }
    expect(asked).toEqual([
      'mem_ada',
      { ...options, caller: { lane: 'member', key: '192.0.2.1' } },
      'mem_ada',
      { ...options, caller: { lane: 'member', key: '' } },
    ])
  })

  it('beyond the most sessions of a member ends the one that was refreshed longest ago, and reports it', async () => {
    const first = idOf((await signIn()).refreshToken)
    const { maxSessionsPerMember } = parts.options
    for (let count = 1; count <= maxSessionsPerMember; count++) await signIn({ requestId: `req_${count}` })
    expect(instance.revocations.isEnded(first)).toBe(true)
    const revoked = parts.events.filter(({ event }) => event === 'session_revoked')
    expect(revoked).toMatchObject([
      {
        sessionId: first,
        memberId: 'mem_ada',
        reason: 'superseded',
        requestId: `req_${maxSessionsPerMember}`,
      },
    ])
  })
})

describe('a sign-out with a refresh token', () => {
  it('of another session than is meant ends nothing', async () => {
    const [one, other] = [(await signIn()).refreshToken, (await signIn()).refreshToken]
    const signOut = (meant: unknown) =>
      instance.sessions.signOutByRefreshToken(one, { requestId: 'req', meant })
    expect(await signOut(idOf(other))).toBe(false)
    expect(await signOut(7)).toBe(false)
    expect(await store.sessions.read(idOf(one))).toMatchObject({ endedAt: null })
    expect(await signOut(idOf(one))).toBe(true)
    expect(await store.sessions.read(idOf(one))).toMatchObject({ endReason: 'sign_out' })
  })

  it('that is not valid is as good as done, whatever is meant', async () => {
    for (const meant of ['x', undefined])
      expect(await instance.sessions.signOutByRefreshToken('rubbish', { requestId: 'req', meant })).toBe(true)
  })
})

describe('the session of a refresh token', () => {
  it('is found by one of any generation, also if it has ended', async () => {
    const { refreshToken } = await signIn()
    const refreshed = await instance.refresh(refreshToken)
    const newest = refreshed.kind === 'refreshed' ? refreshed.refreshToken : undefined
    await store.sessions.end(idOf(refreshToken), 'sign_out', world.now)
    for (const token of [refreshToken, newest ?? ''])
      expect(await instance.sessions.sessionOf(token)).toMatchObject({
        id: idOf(refreshToken),
        endReason: 'sign_out',
      })
    expect(await instance.sessions.sessionOf('rubbish')).toBeNull()
  })
})
