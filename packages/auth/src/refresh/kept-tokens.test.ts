import { beforeEach, describe, expect, it } from 'vitest'
import { createFakeTime, type FakeTime } from '../../test/kit/fake-time.js'
import { provenBy } from '../../test/kit/proofs.js'
import {
  createInstance,
  createSharedParts,
  signInAt,
  memberOf,
  readAccessToken,
  type Instance,
  type SharedParts,
} from '../../test/session-world.js'
import { parseRefreshToken } from '../sessions/index.js'
import { createMemoryStore } from '../stores/memory.js'
import type { Store } from '../stores/store.js'
import type { RefreshOutcome } from './refresh.js'

// With cookies, a refresh token stays for half an hour after a rotation, because page loads refresh too.

let world: FakeTime
let parts: SharedParts
let store: Store
let instance: Instance

const start = (settings: Parameters<typeof createSharedParts>[1] = {}) => {
  parts = createSharedParts(world, { transport: 'cookie', staleSeconds: 3_600, ...settings })
  store = createMemoryStore(world)
  instance = createInstance(store, parts)
}
beforeEach(() => {
  world = createFakeTime()
  start()
})

const signIn = async (request: object = {}) => {
  const { refreshToken } = await signInAt(instance, parts, request)
  parts.admin.asked.length = 0
  return refreshToken
}
const idOf = (refreshToken: string) => parseRefreshToken(parts.secrets, refreshToken)?.sessionId ?? ''
const rowOf = (refreshToken: string) => store.sessions.read(idOf(refreshToken))
const served = (outcome: RefreshOutcome) =>
  outcome.kind === 'refreshed' ? outcome : expect.fail(`${outcome.kind}: ${outcome.reason}`)
const refresh = async (refreshToken: string) => served(await instance.refresh(refreshToken))

describe('a page load shortly after a rotation', () => {
  it('is answered with a token of the same generation and end, writes nothing and asks nobody', async () => {
    const token = await signIn()
    const before = await rowOf(token)
    await world.pass(1_799)
    const spent: string[] = []
    const outcome = served(await instance.refresh(token, { spend: async (key) => void spent.push(key) }))
    expect(outcome).toMatchObject({
      how: 'kept',
      memberId: 'mem_ada',
      sessionId: idOf(token),
    })
    expect(outcome.isBound).toBeUndefined()
    expect(outcome.refreshToken).toBeUndefined()
    expect(readAccessToken(outcome.accessToken)).toEqual({
      memberId: 'mem_ada',
      sessionId: idOf(token),
      generation: 1,
      expiresAt: world.now - 1_799 + 3_600,
    })
    expect(await rowOf(token)).toEqual(before)
    expect([spent, parts.admin.asked]).toEqual([[], []])
  })

  it('rotates once half of the life of the access token is over', async () => {
    const token = await signIn()
    await world.pass(1_800)
    expect(await refresh(token)).toMatchObject({ how: 'rotated' })
  })

  it('confirms the generation, but for the first one, of which there is none before', async () => {
    const first = await signIn()
    await refresh(first)
    await instance.confirmations.flush()
    expect(await rowOf(first)).toMatchObject({ generation: 1, confirmedAt: null })
    await world.pass(1_800)
    const second = (await refresh(first)).refreshToken ?? ''
    expect(await refresh(second)).toMatchObject({ how: 'kept' })
    await instance.confirmations.flush()
    const confirmedAt = world.now
    expect(await rowOf(first)).toMatchObject({ generation: 2, confirmedAt })
    await world.pass(5)
    await refresh(second)
    await instance.confirmations.flush()
    expect(await rowOf(first)).toMatchObject({ confirmedAt })
  })

  it('does not outlive the session', async () => {
    start({ maxSeconds: 2_000 })
    const token = await signIn()
    await world.pass(10)
    expect(readAccessToken((await refresh(token)).accessToken).expiresAt).toBe(world.now - 10 + 2_000)
  })

  it('rotates if no member is known, after Memberstack was asked', async () => {
    const customFields = { text: 'x'.repeat(9_000) }
    parts.admin.member = {
      kind: 'found',
      readAt: world.now,
      member: { ...memberOf('mem_ada'), customFields },
    }
    // The member is too large to be kept with the session, and another instance has not read it.
    const token = await signIn()
    expect(await rowOf(token)).toMatchObject({ sealedMember: null })
    const other = createInstance(store, parts)
    expect(await other.refresh(token)).toMatchObject({ kind: 'refreshed', how: 'rotated' })
    expect(parts.admin.asked).toEqual([{ what: 'member', waitSeconds: 1 }])
  })
})

describe('a refresh with a proof', () => {
  it('binds its access token to the key where all tokens of bound sessions are', async () => {
    start({ transport: 'body', dpopMode: 'all' })
    const proof = provenBy('thumbprint')
    const outcome = served(await instance.refresh(await signIn({ proof }), { proof }))
    expect(outcome).toMatchObject({ how: 'rotated', isBound: true })
    const payload = Buffer.from(outcome.accessToken.split('.')[1] ?? '', 'base64url').toString()
    expect(JSON.parse(payload).cnf).toEqual({ jkt: 'thumbprint' })
    expect(await refresh(await signIn())).toMatchObject({ how: 'rotated', isBound: false })
  })

  it('needs that of the key of its session, for every caller', async () => {
    start({ transport: 'body' })
    const token = await signIn({ proof: provenBy('thumbprint') })
    const code = 'AUTH_PROOF_INVALID'
    await expect(instance.refresh(token)).rejects.toMatchObject({ code, reason: 'missing' })
    const wrong = instance.refresh(token, { proof: provenBy('other') })
    await expect(wrong).rejects.toMatchObject({ code, reason: 'other_key' })
    expect(await rowOf(token)).toMatchObject({ generation: 1 })
    const outcome = await instance.refresh(token, { proof: provenBy('thumbprint') })
    expect(outcome).toMatchObject({ kind: 'refreshed', how: 'rotated', isBound: false })
  })

  it('of a session that is not bound, or of no session, looks at no proof', async () => {
    start({ transport: 'body' })
    const proof = { judge: () => expect.fail(), use: () => expect.fail() }
    expect(await instance.refresh('rubbish', { proof })).toMatchObject({ reason: 'malformed' })
    expect(await instance.refresh(await signIn(), { proof })).toMatchObject({ kind: 'refreshed' })
  })
})
