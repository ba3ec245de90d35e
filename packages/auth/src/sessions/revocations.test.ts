import { setImmediate } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import { failure } from '../base/failures.js'
import { createMemoryStore } from '../stores/memory.js'
import { noEpochs } from '../../test/kit/claimed-store.js'
import { createFakeTime, type FakeTime } from '../../test/kit/fake-time.js'
import { createExpireTokens } from './outdated-tokens.js'
import { createRevocations, type RevocationsOptions } from './revocations.js'
import type { EndedSession } from './session-store.js'

type News = readonly EndedSession[] | 'resync'

let world: FakeTime
let inStore: EndedSession[]
let restored: EndedSession[][]
let down: boolean
let tell: (news: News) => void
let listeners: number
/** Sessions that another process has ended, and that nobody has told this one about. */
let others: EndedSession[]
let syncs: number
/** The news no longer reach back to what this process has read. */
let hasGap: boolean
/** The time that the store takes to list what ended. */
let listing: Promise<void>

// A store whose feed and failures the test drives by hand.
const store = (): RevocationsOptions['store'] => ({
  syncEnded: async () => {
    if (down) throw failure('storeUnreachable')
    syncs++
    tell(others.splice(0))
    if (hasGap) tell('resync')
    hasGap = false
  },
  endedSince: async function* (at) {
    if (down) throw failure('storeUnreachable')
    await listing
    yield inStore.filter(({ endedAt }) => endedAt >= at)
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
const create = () =>
  createRevocations({
    store: store(),
    epochs: noEpochs,
    clock: world.clock,
    ticker: world.ticker,
    patienceSeconds: 0,
  })

beforeEach(() => {
  world = createFakeTime()
  inStore = []
  restored = []
  down = false
  listeners = 0
  others = []
  syncs = 0
  hasGap = false
  listing = Promise.resolve()
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
      epochs: noEpochs,
      clock: world.clock,
      ticker: world.ticker,
    })
    await revocations.load()
    await memory.sessions.restoreEnded([{ id: 'a', endedAt: world.now }])
    expect(revocations.isEnded('a')).toBe(true)
  })
})

describe('the age of the list', () => {
  /** Time passes and no timer runs, as while the process is stopped. */
  const stopFor = (seconds: number) => {
    world.setClock(world.now + seconds)
  }

  it('of under 2 s needs no read, and from 2 s on the next use waits for one', async () => {
    const revocations = create()
    await revocations.load()
    const before = syncs
    expect(revocations.catchUp()).toBeNull()
    stopFor(1.9)
    expect(revocations.catchUp()).toBeNull()
    expect(syncs).toBe(before)
    others = [{ id: 'a', endedAt: world.now }]
    stopFor(0.1)
    const waits = [revocations.catchUp(), revocations.catchUp()]
    expect(waits.every((wait) => wait !== null)).toBe(true)
    for (const wait of waits) await wait
    expect(syncs).toBe(before + 1)
    expect(revocations.isEnded('a')).toBe(true)
    expect(revocations.catchUp()).toBeNull()
  })

  it('is kept by the timer while the process runs', async () => {
    const revocations = create()
    await revocations.load()
    for (let second = 0; second < 10; second++) {
      await world.pass(1)
      expect(revocations.catchUp()).toBeNull()
    }
  })

  it('does not matter while the store is away, and matters again after another stop', async () => {
    const revocations = create()
    await revocations.load()
    down = true
    stopFor(60)
    await revocations.catchUp()
    expect(revocations.catchUp()).toBeNull()
    others = [{ id: 'a', endedAt: world.now }]
    down = false
    stopFor(60)
    await revocations.catchUp()
    expect(revocations.isEnded('a')).toBe(true)
  })

  it('counts only when a gap in the news was read too', async () => {
    const revocations = create()
    await revocations.load()
    stopFor(60)
    inStore = [{ id: 'a', endedAt: world.now }]
    hasGap = true
    let answer = () => {}
    listing = new Promise((resolve) => (answer = resolve))
    let isCaughtUp = false
    const caughtUp = revocations.catchUp()?.then(() => (isCaughtUp = true))
    await setImmediate()
    expect(isCaughtUp).toBe(false)
    answer()
    await caughtUp
    expect(revocations.isEnded('a')).toBe(true)
  })

  it('is unknown after the clock was set back', async () => {
    const revocations = create()
    await revocations.load()
    stopFor(-3_600)
    expect(revocations.catchUp()).not.toBeNull()
  })
})

describe('changes of members in the feed', () => {
  it('reach every instance, those that start later too, and are no sessions', async () => {
    const memory = createMemoryStore(world)
    const changes: Record<string, number>[] = []
    const start = () =>
      createRevocations({
        store: memory.sessions,
        epochs: noEpochs,
        clock: world.clock,
        ticker: world.ticker,
        onMemberChange: (memberId, changedAt) => changes.push({ [memberId]: changedAt }),
      })
    const one = start()
    await one.load()
    const begin = { begin: () => 1_700_000_005.123 }
    const expire = createExpireTokens({
      store: memory.sessions,
      revocations: one,
      changes: begin,
      clock: world.clock,
    })
    expect(await expire('mem_ada')).toBe(1_700_000_005.123)
    expect(changes).toContainEqual({ mem_ada: 1_700_000_005.123 })
    changes.length = 0
    await start().load()
    expect(changes).toEqual([{ mem_ada: 1_700_000_005.123 }])
    expect(one.isEnded('mem_ada')).toBe(false)
    await memory.close()
  })
})
