import { beforeEach, describe, expect, it } from 'vitest'
import { failure } from '../base/failures.js'
import { createMemoryStore } from '../stores/memory.js'
import { createFakeTime, type FakeTime } from '../../test/kit/fake-time.js'
import { createRevocations } from './revocations.js'
import type { EndedSession, SessionStore } from './session-store.js'

type News = readonly EndedSession[] | 'resync'

let world: FakeTime
let inStore: EndedSession[]
let restored: EndedSession[][]
let down: boolean
let tell: (news: News) => void
let listeners: number

// A store whose feed and failures the test drives by hand.
const store = (): Pick<SessionStore, 'endedSince' | 'watchEnded' | 'restoreEnded'> => ({
  endedSince: async (at) => {
    if (down) throw failure('storeUnreachable')
    return inStore.filter(({ endedAt }) => endedAt >= at)
  },
  watchEnded: (listener) => {
    tell = listener
    listeners++
    return () => {
      listeners--
    }
  },
  restoreEnded: async (ended) => {
    if (down) throw failure('storeUnreachable')
    restored.push([...ended])
  },
})
const create = () => createRevocations({ store: store(), clock: world.clock, ticker: world.ticker })

beforeEach(() => {
  world = createFakeTime()
  inStore = []
  restored = []
  down = false
  listeners = 0
})

describe('revocations', () => {
  it('are unknown until the store was read once, and then known through every outage', async () => {
    down = true
    const revocations = create()
    expect(revocations.state()).toBe('unknown')
    await expect(revocations.load()).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    await world.pass(1)
    expect(revocations.state()).toBe('unknown')
    down = false
    inStore = [{ id: 'a', endedAt: world.now }]
    await world.pass(1)
    expect(revocations.state()).toBe('known')
    expect(revocations.isEnded('a')).toBe(true)
    down = true
    tell('resync')
    await world.pass(1)
    expect(revocations.state()).toBe('known')
    expect(revocations.isEnded('a')).toBe(true)
  })

  it('are heard at once, before the first read too', async () => {
    const revocations = create()
    tell([{ id: 'a', endedAt: world.now }])
    revocations.note([{ id: 'b', endedAt: world.now }])
    expect([revocations.isEnded('a'), revocations.isEnded('b'), revocations.isEnded('c')]).toEqual([
      true,
      true,
      false,
    ])
    await revocations.load()
    expect(revocations.isEnded('a')).toBe(true)
  })

  it('are kept longer than any access token lives, and not for ever', async () => {
    const revocations = create()
    await revocations.load()
    tell([{ id: 'a', endedAt: world.now }])
    await world.pass(3_600)
    tell([{ id: 'b', endedAt: world.now }])
    expect(revocations.isEnded('a')).toBe(true)
    await world.pass(61)
    tell([{ id: 'c', endedAt: world.now }])
    expect([revocations.isEnded('a'), revocations.isEnded('b')]).toEqual([false, true])
  })

  it('are read again and written back after a gap, so that a failover brings no session to life', async () => {
    const revocations = create()
    await revocations.load()
    tell([{ id: 'a', endedAt: world.now }])
    inStore = [{ id: 'b', endedAt: world.now }]
    tell('resync')
    await world.pass(0)
    expect(revocations.isEnded('b')).toBe(true)
    expect(restored).toEqual([[{ id: 'a', endedAt: world.now }]])
  })

  it('try a failed reading of a gap again every second until it succeeds', async () => {
    const revocations = create()
    await revocations.load()
    tell([{ id: 'a', endedAt: world.now }])
    down = true
    tell('resync')
    await world.pass(1)
    await world.pass(1)
    expect(restored).toEqual([])
    down = false
    await world.pass(1)
    expect(restored).toHaveLength(1)
    await world.pass(1)
    expect(restored).toHaveLength(1)
  })

  it('stop listening when closed', async () => {
    const revocations = create()
    expect(listeners).toBe(1)
    revocations.close()
    expect(listeners).toBe(0)
    await world.pass(5)
    expect(revocations.state()).toBe('unknown')
  })

  it('hear what a real store ends', async () => {
    const memory = createMemoryStore(world)
    const revocations = createRevocations({
      store: memory.sessions,
      clock: world.clock,
      ticker: world.ticker,
    })
    await revocations.load()
    await memory.sessions.restoreEnded([{ id: 'a', endedAt: world.now }])
    expect(revocations.isEnded('a')).toBe(true)
  })
})
