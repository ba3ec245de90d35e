import { describe, expect, it } from 'vitest'
import { createFakeTime } from '../../test/kit/fake-time.js'
import { beginSession, toEpochEntry, type EndedSession, type SessionRow } from '../sessions/index.js'
import { endedKeptSeconds, signInCutoffKeptSeconds } from './ended-sessions.js'
import { createMemoryStore } from './memory.js'
import { sweepEverySeconds } from './store.js'

const start = 1_000_000_000

const rowOf = (id: string): SessionRow => {
  const facts = { id, memberId: 'mem_ada', userAgent: null, expiresAt: start + 1e9, sealedMember: null }
  return { ...beginSession({ ...facts, now: start }), mark: id }
}

function open() {
  const time = createFakeTime(start)
  const store = createMemoryStore(time)
  const { sessions } = store
  const add = async (id: string, change: Partial<SessionRow> = {}) => {
    const row = { ...rowOf(id), ...change }
    expect(await sessions.insert(row, { issuedAt: start, mostSessions: 100 })).toMatchObject({
      kind: 'created',
    })
  }
  /** Sets the clock, then lets the next sweep begin at that second. */
  const sweepAt = async (at: number) => {
    time.setClock(at - sweepEverySeconds)
    await time.pass(sweepEverySeconds)
  }
  const endedSince = async (at: number) => {
    const found: EndedSession[] = []
    for await (const some of sessions.endedSince(at)) found.push(...some)
    return found.map(({ id }) => id)
  }
  return { store, sessions, add, sweepAt, endedSince }
}

describe('the sweep of a memory store', () => {
  it('keeps a session until the second of its expiry', async () => {
    const { sessions, add, sweepAt } = open()
    await add('a', { expiresAt: start + 1000 })

    await sweepAt(start + 999)
    expect(await sessions.read('a')).not.toBeNull()
    await sweepAt(start + 1000)
    expect(await sessions.read('a')).toBeNull()
  })

  it('keeps an ended session, and its entry in the feed, for as long as a token of it may live', async () => {
    const { sessions, add, sweepAt, endedSince } = open()
    await add('a')
    await sessions.end('a', 'sign_out', start)

    await sweepAt(start + endedKeptSeconds - 1)
    expect([await sessions.read('a'), await endedSince(0)]).toEqual([expect.anything(), ['a']])
    await sweepAt(start + endedKeptSeconds)
    expect([await sessions.read('a'), await endedSince(0)]).toEqual([null, []])
  })

  it('keeps sessions of an earlier epoch for as long as those that ended one by one', async () => {
    const { sessions, add, sweepAt } = open()
    await add('a')
    await add('b', { epoch: start * 1000 })
    await sessions.replaceEpoch({ next: { epoch: start * 1000, mark: 'e' }, expected: null, at: start })

    await sweepAt(start + endedKeptSeconds - 1)
    expect(await sessions.read('a')).not.toBeNull()
    await sweepAt(start + endedKeptSeconds + 1)
    expect([await sessions.read('a'), await sessions.read('b')]).toEqual([null, expect.anything()])
  })

  it('keeps the refusal of earlier sign-ins until no such member JWT is valid', async () => {
    const { sessions, add, sweepAt } = open()
    await sessions.refuseSignIns({ memberId: 'mem_ada', issuedUntil: start, at: start })
    const row = rowOf('a')

    await sweepAt(start + signInCutoffKeptSeconds - 1)
    expect(await sessions.insert(row, { issuedAt: start, mostSessions: 9 })).toEqual({ kind: 'refused' })
    await sweepAt(start + signInCutoffKeptSeconds)
    await add('a')
  })

  it('keeps the id of a webhook until the second at which it is to be forgotten', async () => {
    const { store, sweepAt } = open()
    await store.webhookLog.markDone('msg', start + 1000)

    await sweepAt(start + 999)
    expect(await store.webhookLog.isDone('msg')).toBe(true)
    await sweepAt(start + 1000)
    expect(await store.webhookLog.isDone('msg')).toBe(false)
  })

  it('takes the sessions that it forgets off the list of their member', async () => {
    const { sessions, add, sweepAt } = open()
    await add('a', { expiresAt: start + 1000 })
    await sweepAt(start + 1000)
    await add('a')

    const { sessions: live } = await sessions.list({ memberId: 'mem_ada', at: start + 1000, limit: 9 })
    expect(live.map(({ id }) => id)).toEqual(['a'])
  })

  it('has ended when the store is closed', async () => {
    const { store, sessions, add, sweepAt } = open()
    await add('a', { expiresAt: start + 1000 })
    await store.close()

    await sweepAt(start + 1000)
    expect(await sessions.read('a')).not.toBeNull()
  })
})

describe('the feed of a memory store', () => {
  it('informs its listeners of sessions that end because the member has too many, and of those that are restored', async () => {
    const { sessions, add } = open()
    await add('a')
    await add('b')
    const news: unknown[] = []
    sessions.watchEnded((some) => news.push(some))
    const row = rowOf('c')

    expect(await sessions.insert(row, { issuedAt: start, mostSessions: 2 })).toEqual({
      kind: 'created',
      superseded: ['a'],
    })
    await sessions.restoreEnded([
      { id: 'b', endedAt: start + 0.5 },
      { id: 'x', endedAt: start },
      { id: 'a', endedAt: start },
    ])
    await sessions.restoreEnded([{ id: 'x', endedAt: start + 9 }])
    expect(news).toEqual([
      [{ id: 'a', endedAt: start }],
      [
        { id: 'b', endedAt: start },
        { id: 'x', endedAt: start },
      ],
    ])
  })

  it('does not replace an epoch by one that expected another, and counts only sessions of an earlier one', async () => {
    const { sessions, add } = open()
    await add('a')
    const first = { epoch: 5000, mark: 'first' }
    expect(await sessions.replaceEpoch({ next: first, expected: 'another', at: start })).toBeNull()
    expect(await sessions.replaceEpoch({ next: first, expected: null, at: start })).toBe(1)
    await add('b', { epoch: 5000 })

    expect(
      await sessions.replaceEpoch({ next: { epoch: 6000, mark: 'x' }, expected: null, at: start }),
    ).toBeNull()
    expect(
      await sessions.replaceEpoch({ next: { ...first, mark: 'again' }, expected: 'first', at: start }),
    ).toBe(0)
    const { sessions: live } = await sessions.list({ memberId: 'mem_ada', at: start, limit: 9 })
    expect(live.map(({ id }) => id)).toEqual(['b'])
  })

  it('counts no session that begins in a new epoch while those of the one before are counted', async () => {
    const { sessions, add } = open()
    const add2000 = Array.from({ length: 2000 }, (_, index) => add(`${index}`, { memberId: `mem_${index}` }))
    await Promise.all(add2000)
    // The first 2,000 are counted in this turn.
    const counting = sessions.replaceEpoch({ next: { epoch: 5000, mark: 'e' }, expected: null, at: start })
    await add('new', { epoch: 5000 })

    expect(await counting).toBe(2000)
  })

  it('keeps the earliest second of an epoch that other instances have announced before', async () => {
    const { sessions, endedSince } = open()
    const next = { epoch: 5000, mark: 'first' }
    const { id } = toEpochEntry(next, start)
    await sessions.restoreEnded([{ id, endedAt: start }])
    await sessions.replaceEpoch({ next, expected: null, at: start + 9 })

    expect([await endedSince(start), await endedSince(start + 1)]).toEqual([[id], []])
  })
})

describe('the signing keys of a memory store', () => {
  const key = (kid: string) => ({ kid, publicJwk: '{}', sealedPrivateKey: `sealed ${kid}`, createdAt: 1.5 })

  it('are added once each, resealed and removed by their id', async () => {
    const { signingKeys } = open().store
    expect(await signingKeys.add(key('a'), 'another')).toBe(false)
    expect(await signingKeys.add(key('a'), null)).toBe(true)
    expect(await signingKeys.add(key('a'), 'a')).toBe(false)
    expect(await signingKeys.add(key('b'), 'a')).toBe(true)
    await signingKeys.reseal('a', 'again')
    await signingKeys.reseal('nobody', 'again')
    await signingKeys.remove('nobody')
    expect(await signingKeys.list()).toEqual([
      { ...key('a'), createdAt: 1, sealedPrivateKey: 'again' },
      { ...key('b'), createdAt: 1 },
    ])

    await signingKeys.remove('a')
    expect(await signingKeys.list()).toEqual([{ ...key('b'), createdAt: 1 }])
  })
})
