import { beforeEach, describe, expect, it } from 'vitest'
import { createFakeTime, type FakeTime } from '../../test/kit/fake-time.js'
import { memberJwt } from '../../test/kit/member-tokens.js'
import {
  createInstance,
  createSharedParts,
  signInAt,
  type Instance,
  type SharedParts,
} from '../../test/session-world.js'
import { createMemoryStore } from '../stores/memory.js'
import type { Store } from '../stores/store.js'
import { createOperatorSessions, createOperatorUseCases, type OperatorOptions } from './operator-sessions.js'
import type { SessionEnder } from './session-ender.js'
import { beginSession } from './session.js'

let world: FakeTime
let parts: SharedParts
let store: Store
let instance: Instance

beforeEach(() => {
  world = createFakeTime(1_700_000_000.5)
  parts = createSharedParts(world)
  store = createMemoryStore(world)
  instance = createInstance(store, parts)
})

/** Signs a member in, and returns the id of the session. */
const signIn = async (member = 'mem_ada') => {
  const memberToken = memberJwt({ id: member, iat: Math.floor(world.now), exp: world.now + 1_209_600 })
  const request = { memberToken, userAgent: 'Browser/1.0', requestId: 'req_in' }
  return (await signInAt(instance, parts, request)).sessionId
}
const isLive = async (id: string) => (await store.sessions.read(id))?.endedAt === null

const ender: SessionEnder = {
  end: async () => true,
  noteEnded: () => {},
  endAllOf: async () => 0,
  endEverything: async () => 0,
}

/** Creates use cases on parts of which the test changes some. */
const createUseCases = (change: Partial<OperatorOptions>) =>
  createOperatorUseCases({
    store: { list: async () => ({ sessions: [], next: null }), read: async () => null },
    ender,
    clock: world.clock,
    idleSeconds: 1_000,
    learnTime: async () => {},
    ...change,
  })
const row = (change: object) => ({
  ...beginSession({
    id: 'AAAAAAAAAAAAAAAAAAAAAA',
    memberId: 'mem_ada',
    userAgent: null,
    expiresAt: 2_000_000_000,
    sealedMember: null,
    now: 1_700_000_000,
  }),
  mark: '',
  ...change,
})

describe('a list for operators', () => {
  it('has the live sessions of the member in pages, newest first, with times in ISO 8601', async () => {
    const first = await signIn()
    await world.pass(1)
    const [second, third] = [await signIn(), await signIn('mem_bob')]
    const page = await instance.operators.list('mem_ada', { limit: 1 })
    expect(page.sessions).toEqual([
      {
        id: second,
        createdAt: '2023-11-14T22:13:21.000Z',
        lastUsedAt: '2023-11-14T22:13:21.000Z',
        userAgent: 'Browser/1.0',
      },
    ])
    const rest = await instance.operators.list('mem_ada', { limit: 1, after: page.next })
    expect(rest.sessions.map(({ id }) => id)).toEqual([first])
    expect(rest.next).toBeNull()
    const all = await instance.operators.list('mem_bob')
    expect(all.sessions.map(({ id }) => id)).toEqual([third])
  })

  it('leaves out a session that is idle for too long, and names the key of a bound one', async () => {
    const sessions = [row({ lastUsedAt: world.now - 1_000 }), row({ jkt: 'thumbprint' })]
    const useCases = createUseCases({
      store: { read: async () => null, list: async () => ({ sessions, next: '7.x' }) },
    })
    const { sessions: listed, next } = await useCases.list('mem_ada')
    expect(listed).toMatchObject([{ jkt: 'thumbprint' }])
    expect(next).toBe('7.x')
  })

  it('has 100 sessions if no number is given, and at most', async () => {
    const asked: number[] = []
    const useCases = createUseCases({
      store: {
        read: async () => null,
        list: async ({ limit }) => {
          asked.push(limit)
          return { sessions: [], next: null }
        },
      },
    })
    await useCases.list('mem_ada')
    for (const limit of [1, 99, 100, 101, 1e9]) await useCases.list('mem_ada', { limit })
    expect(asked).toEqual([100, 1, 99, 100, 100, 100])
  })

  it('of a number, a place or a member that cannot be one is refused, and says which', async () => {
    const refusal = { code: 'AUTH_REQUEST_INVALID' }
    for (const limit of [0, -1, 1.5, Number.NaN, Infinity])
      await expect(instance.operators.list('mem_ada', { limit }), String(limit)).rejects.toMatchObject({
        ...refusal,
        message: expect.stringContaining('limit is not a whole number from 1'),
      })
    const places = [
      '',
      'x',
      '1',
      '1.',
      '.a',
      'x1.a',
      '1.a b',
      '1.a\n',
      '1'.repeat(21) + '.a',
      `1.${'a'.repeat(65)}`,
    ]
    for (const after of places)
      await expect(instance.operators.list('mem_ada', { after }), after).rejects.toMatchObject({
        ...refusal,
        message: expect.stringContaining('after is not the next of a page'),
      })
    for (const after of [null, '1.a', `${'1'.repeat(20)}.${'a-_.'.repeat(16)}`])
      await expect(createUseCases({}).list('mem_ada', { after }), String(after)).resolves.toBeDefined()
    for (const call of [instance.operators.list('ada'), instance.operators.endAllOf('ada', 'req')])
      await expect(call).rejects.toMatchObject({
        ...refusal,
        message: expect.stringContaining('this is not the id of a member, such as mem_abc'),
      })
  })
})

describe('an operator', () => {
  it('ends one session, once, and knows none that never was', async () => {
    const [one, other] = [await signIn(), await signIn()]
    expect(await instance.operators.end(one, 'req_1')).toBe('ended')
    expect(await instance.operators.end(one, 'req_2')).toBe('over')
    expect([await isLive(one), await isLive(other)]).toEqual([false, true])
    expect(await instance.operators.end('AAAAAAAAAAAAAAAAAAAAAA', 'req_3')).toBe('unknown')
    expect(parts.events.slice(2)).toMatchObject([
      { event: 'session_revoked', sessionId: one, reason: 'operator', requestId: 'req_1' },
    ])
  })

  it('asks the store for nothing that is no id of a session', async () => {
    const store = { list: () => expect.fail(), read: () => expect.fail() }
    const useCases = createUseCases({ store })
    for (const id of ['', 'x', 'AAAAAAAAAAAAAAAAAAAAAA=', 'AAAAAAAAAAAAAAAAAAAAAB'])
      expect(await useCases.end(id, 'req'), id).toBe('unknown')
  })

  it('is answered `over` for a session that another caller ends in the meantime, or had ended', async () => {
    const never = { end: () => expect.fail() }
    const read = (endedAt: number | null) => ({
      list: () => expect.fail(),
      read: async () => row({ endedAt }),
    })
    const lost = createUseCases({ store: read(null), ender: { ...ender, end: async () => false } })
    expect(await lost.end('AAAAAAAAAAAAAAAAAAAAAA', 'req')).toBe('over')
    const late = createUseCases({ store: read(1), ender: { ...ender, ...never } })
    expect(await late.end('AAAAAAAAAAAAAAAAAAAAAA', 'req')).toBe('over')
  })

  it('ends all sessions of a member, refuses earlier sign-ins, and leaves other members alone', async () => {
    const ids = [await signIn(), await signIn()]
    const other = await signIn('mem_bob')
    expect(await instance.operators.endAllOf('mem_ada', 'req_1')).toBe(2)
    expect([await isLive(ids[0] ?? ''), await isLive(ids[1] ?? ''), await isLive(other)]).toEqual([
      false,
      false,
      true,
    ])
    await expect(signIn()).rejects.toMatchObject({ code: 'AUTH_TOKEN_REVOKED' })
    const revoked = parts.events.filter(({ event }) => event === 'session_revoked')
    expect(revoked).toHaveLength(2)
    for (const event of revoked) expect(event).toMatchObject({ reason: 'operator', requestId: 'req_1' })
  })

  it('ends everything, and refuses earlier sign-ins of all members', async () => {
    await signIn()
    await signIn('mem_bob')
    expect(await instance.operators.endEverything('req_1')).toBe(2)
    for (const member of ['mem_ada', 'mem_carl'])
      await expect(signIn(member)).rejects.toMatchObject({ code: 'AUTH_TOKEN_REVOKED' })
    expect(parts.events.at(-1)).toMatchObject({ event: 'session_revoked', reason: 'everything', count: 2 })
  })

  it('learns the time of Memberstack before earlier sign-ins are refused by it', async () => {
    const steps: string[] = []
    const useCases = createUseCases({
      learnTime: async (requestId) => void steps.push(`time ${requestId}`),
      ender: {
        ...ender,
        endAllOf: async ({ requestId }) => steps.push(`all ${requestId}`),
        endEverything: async (requestId) => steps.push(`everything ${requestId}`),
      },
    })
    await useCases.endAllOf('mem_ada', 'a')
    await useCases.endEverything('b')
    expect(steps).toEqual(['time a', 'all a', 'time b', 'everything b'])
  })
})

describe('the sessions of the library', () => {
  it('are those of the use cases, each call under a request id of its own', async () => {
    const sessions = createOperatorSessions(instance.operators)
    const ids = [await signIn(), await signIn(), await signIn()]
    expect((await sessions.list('mem_ada', { limit: 2 })).sessions).toHaveLength(2)
    expect(await sessions.end(ids[0] ?? '')).toBe(true)
    expect(await sessions.end(ids[0] ?? '')).toBe(false)
    expect(await sessions.endAllOf('mem_ada')).toBe(2)
    expect(await sessions.endEverything()).toBe(0)
    const requests = parts.events
      .filter(({ event }) => event === 'session_revoked')
      .map(({ requestId }) => requestId)
    // One for `end`, one for the two sessions of `endAllOf`, and one for `endEverything`.
    expect(requests).toHaveLength(4)
    expect(new Set(requests).size).toBe(3)
  })

  it('are not found in forward mode', async () => {
    const sessions = createOperatorSessions(null)
    const calls = [
      sessions.list('mem_ada'),
      sessions.end('AAAAAAAAAAAAAAAAAAAAAA'),
      sessions.endAllOf('mem_ada'),
      sessions.endEverything(),
    ]
    for (const call of await Promise.allSettled(calls))
      expect(call).toMatchObject({ status: 'rejected', reason: { code: 'AUTH_NOT_FOUND' } })
  })
})
