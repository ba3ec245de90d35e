import { beforeEach, describe, expect, it } from 'vitest'
import { claimForTest } from '../../test/kit/claimed-store.js'
import { createFakeTime, type FakeTime } from '../../test/kit/fake-time.js'
import {
  createInstance,
  createSharedParts,
  signInAt,
  readAccessToken,
  type Instance,
  type SharedParts,
} from '../../test/session-world.js'
import { createMemoryStore } from '../stores/memory.js'
import type { Store } from '../stores/store.js'

let world: FakeTime
let parts: SharedParts
let store: Store
let instance: Instance
let first: string
let sessionId: string

beforeEach(async () => {
  world = createFakeTime()
  await start()
})

async function start(settings: Parameters<typeof createSharedParts>[1] = {}) {
  parts = createSharedParts(world, settings)
  store = createMemoryStore(world)
  instance = createInstance(store, parts)
  ;({ refreshToken: first, sessionId } = await signInAt(instance, parts))
  parts.admin.asked.length = 0
  parts.events.length = 0
}

/** Creates an instance of which the test changes some methods of the store. */
const instanceWith = (change: Partial<Store['sessions']>) =>
  createInstance({ ...store, sessions: { ...store.sessions, ...change } }, parts)
const rowOf = () => store.sessions.read(sessionId)

describe('a refresh', () => {
  it('of a process that was stopped reads first what ended meanwhile, but not for garbage', async () => {
    const trips: string[] = []
    const other = instanceWith({
      syncEnded: async () => void trips.push('sync'),
      read: async (id) => {
        trips.push('read')
        return await store.sessions.read(id)
      },
    })
    await other.revocations.load()
    trips.length = 0
    world.setClock(world.now + 60)
    expect(await other.refresh('garbage')).toMatchObject({ reason: 'malformed' })
    expect(trips).toEqual([])
    expect(await other.refresh(first)).toMatchObject({ kind: 'refreshed' })
    expect(trips.slice(0, 2)).toEqual(['sync', 'read'])
  })

  it('gives up after five writes that others were faster with', async () => {
    let turns = 0
    const other = instanceWith({
      replace: async () => {
        turns++
        return await rowOf()
      },
    })
    await expect(other.refresh(first)).rejects.toMatchObject({ reason: 'contended' })
    expect(turns).toBe(5)
  })

  it('without a key of a session that a browser binds meanwhile is to be tried again', async () => {
    const sessions = claimForTest(store, parts.secrets, 'app_test', world.clock).sessions
    let isBound = false
    const other = instanceWith({
      replace: async (row, expected) => {
        const held = await sessions.read(row.id)
        if (held && !isBound) {
          isBound = true
          await sessions.bind(held, 'thumbprint')
        }
        return await store.sessions.replace(row, expected)
      },
    })
    await expect(other.refresh(first)).rejects.toMatchObject({
      code: 'AUTH_UNAVAILABLE',
      reason: 'contended',
    })
    expect(await rowOf()).toMatchObject({ generation: 1, jkt: 'thumbprint' })
    await expect(other.refresh(first)).rejects.toMatchObject({
      code: 'AUTH_PROOF_INVALID',
      reason: 'missing',
    })
  })

  it('asks about the member at every rotation, however soon', async () => {
    const outcome = await instance.refresh(first)
    await instance.refresh((outcome.kind === 'refreshed' && outcome.refreshToken) || '')
    expect(parts.admin.asked).toHaveLength(2)
  })

  it('whose member cannot be read leaves nothing that answers the next one', async () => {
    await instance.refresh(first)
    await world.pass(60)
    parts.admin.member = { kind: 'unavailable', retryAfterSeconds: 3 }
    for (let turn = 0; turn < 2; turn++)
      expect(await instance.refresh(first)).toMatchObject({
        kind: 'unavailable',
        status: 503,
        reason: 'admin',
        target: 'admin',
        retryAfterSeconds: 3,
      })
  })

  it('that repeats a lost answer by cookie gives a token of the whole life', async () => {
    await start({ transport: 'cookie' })
    await world.pass(2_000)
    await instance.refresh(first)
    await world.pass(3_000)
    const outcome = await instance.refresh(first)
    expect(outcome).toMatchObject({ how: 'replayed' })
    const accessToken = outcome.kind === 'refreshed' ? outcome.accessToken : ''
    expect(readAccessToken(accessToken).expiresAt).toBe(world.now + 3_600)
  })
})

describe('a refresh of a process that is stopped between its decision and its write', () => {
  const stoppedFor = (seconds: number) => {
    let left = seconds
    return instanceWith({
      replace: async (row, expected) => {
        world.setClock(world.now + left)
        left = 0
        return await store.sessions.replace(row, expected)
      },
    })
  }

  it.each([1_800, 4_000, 100_000])(
    'for %i s gives a token of the whole life, and repeats it',
    async (seconds) => {
      await start({ transport: 'cookie' })
      await world.pass(3_000)
      const stopped = stoppedFor(seconds)
      const [given, repeated] = [await stopped.refresh(first), await stopped.refresh(first)]
      expect([given, repeated]).toMatchObject([{ how: 'rotated' }, { how: 'replayed' }])
      for (const outcome of [given, repeated]) {
        const accessToken = outcome.kind === 'refreshed' ? outcome.accessToken : ''
        expect(readAccessToken(accessToken).expiresAt).toBe(world.now + 3_600)
      }
    },
  )

  it('for a shorter time gives a token that ends with all others of its generation', async () => {
    await start({ transport: 'cookie' })
    await world.pass(3_000)
    const decidedAt = world.now
    const outcome = await stoppedFor(1_799).refresh(first)
    const accessToken = outcome.kind === 'refreshed' ? outcome.accessToken : ''
    expect(readAccessToken(accessToken).expiresAt).toBe(decidedAt + 3_600)
  })

  it.each(['cookie', 'body'] as const)(
    'until its session has expired gives none, by %s',
    async (transport) => {
      await start({ transport, maxSeconds: 5_000 })
      await world.pass(3_000)
      const stopped = stoppedFor(2_000)
      await expect(stopped.refresh(first)).rejects.toMatchObject({
        code: 'AUTH_UNAVAILABLE',
        reason: 'too_late',
      })
      expect(await stopped.refresh(first)).toMatchObject({ kind: 'refused', reason: 'expired' })
    },
  )
})

describe('a refusal', () => {
  it('for theft is reported by the caller that finds it', async () => {
    const outcome = await instance.refresh(first)
    const second = (outcome.kind === 'refreshed' && outcome.refreshToken) || ''
    await instance.refresh(second)
    await world.pass(30)
    expect(await instance.refresh(first)).toMatchObject({ kind: 'refused', reason: 'reused' })
    expect(parts.events.map(({ event }) => event)).toEqual(['session_revoked', 'session_reuse_detected'])
  })

  it('for idleness ends nothing as stolen', async () => {
    await world.pass(604_800)
    expect(await instance.refresh(first)).toMatchObject({ kind: 'refused', reason: 'expired' })
    expect(await rowOf()).toMatchObject({ endedAt: null })
    expect(parts.events).toEqual([])
  })
})
