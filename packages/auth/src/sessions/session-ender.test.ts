import { beforeEach, describe, expect, it } from 'vitest'
import { createRecorder, type Recorder } from '../../test/kit/recorder.js'
import { createSessionEnder, type SessionEnderOptions } from './session-ender.js'
import type { EndAll } from './session-store.js'

let recorder: Recorder
/** The requests to the store, and the ends that this process noted, in their order. */
let steps: unknown[]
beforeEach(() => {
  recorder = createRecorder()
  steps = []
})

const create = (change: Partial<SessionEnderOptions> = {}) =>
  createSessionEnder({
    store: {
      end: async (id) => {
        steps.push(`end ${id}`)
        return id === 'live'
      },
      async *endAllOf(request: EndAll) {
        steps.push(request)
        yield ['a', 'b']
        yield ['c']
      },
    },
    revocations: { note: (ended) => void steps.push(...ended) },
    epochs: { begin: async (until) => steps.push(`everything until ${until}`) },
    telemetry: recorder,
    clock: () => 1_000.9,
    ...change,
  })
const member = { memberId: 'mem_ada', requestId: 'req' } as const

describe('the end of a session', () => {
  it('is in the store first, then here, and then reported', async () => {
    expect(await create().end({ id: 'live', memberId: 'mem_ada' }, 'sign_out', 'req')).toBe(true)
    expect(steps).toEqual(['end live', { id: 'live', endedAt: 1_000 }])
    expect(recorder.events).toMatchObject([
      { event: 'session_revoked', ...member, sessionId: 'live', reason: 'sign_out' },
    ])
  })

  it('that ended before is neither noted nor reported', async () => {
    expect(await create().end({ id: 'over', memberId: 'mem_ada' }, 'sign_out', 'req')).toBe(false)
    expect(steps).toEqual(['end over'])
    expect(recorder.events).toEqual([])
  })

  it('by the store itself is noted at the time that is given, or now', () => {
    const ender = create()
    ender.noteEnded({ ...member, reason: 'superseded', ids: ['a'], at: 900.9 })
    ender.noteEnded({ ...member, reason: 'superseded', ids: ['b'] })
    expect(steps).toEqual([
      { id: 'a', endedAt: 900 },
      { id: 'b', endedAt: 1_000 },
    ])
    expect(recorder.events.map(({ sessionId }) => sessionId)).toEqual(['a', 'b'])
  })

  it('of none is not noted', () => {
    const note = () => expect.fail()
    create({ revocations: { note } }).noteEnded({ ...member, reason: 'superseded', ids: [] })
  })
})

describe('the end of all sessions of a member', () => {
  it('counts them, and refuses earlier sign-ins only if it is asked to', async () => {
    const reason = 'operator'
    expect(await create().endAllOf({ ...member, reason })).toBe(3)
    expect(steps[0]).toEqual({ memberId: 'mem_ada', reason, at: 1_000.9 })
    expect(recorder.events).toHaveLength(3)
    for (const event of recorder.events) expect(event).toMatchObject({ reason, requestId: 'req' })
    steps = []
    await create({ lastEarlierSecond: () => 990.9 }).endAllOf({
      ...member,
      reason,
      earlierSignIns: 'refused',
    })
    expect(steps[0]).toMatchObject({ refuseSignInsIssuedUntil: 990 })
    steps = []
    await create().endAllOf({ ...member, reason, earlierSignIns: 'refused' })
    expect(steps[0]).toMatchObject({ refuseSignInsIssuedUntil: 1_000 })
  })
})

it('ends everything by a new epoch, and reports how many sessions that ended', async () => {
  expect(await create({ lastEarlierSecond: () => 990 }).endEverything('req')).toBe(1)
  expect(steps).toEqual(['everything until 990'])
  expect(recorder.events).toMatchObject([
    { event: 'session_revoked', requestId: 'req', reason: 'everything', count: 1 },
  ])
})
