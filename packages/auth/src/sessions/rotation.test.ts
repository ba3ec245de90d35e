import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { advanced, bound, confirmed, decide, surplusOf, type RotationSettings } from './rotation.js'
import type { Session } from './session.js'

const settings: RotationSettings = { graceSeconds: 30, idleSeconds: 1_000 }
const session: Session = {
  epoch: 0,
  id: 'AAAAAAAAAAAAAAAAAAAAAA',
  memberId: 'mem_1',
  userAgent: null,
  createdAt: 0,
  lastUsedAt: 9_800,
  expiresAt: 20_000,
  generation: 5,
  confirmedAt: null,
  previousConfirmedAt: 9_700,
  endedAt: null,
  endReason: null,
  sealedMember: null,
  jkt: null,
}
const kindAt = (change: Partial<Session>, presented: number, now: number, grace = 30) =>
  decide({ ...session, ...change }, presented, now, { ...settings, graceSeconds: grace }).kind

describe('decide', () => {
  it('rotates the newest token to the next generation, used before or not', () => {
    expect(decide(session, 5, 9_900, settings)).toEqual({ kind: 'rotate', toGeneration: 6 })
    expect(kindAt({ confirmedAt: 9_850 }, 5, 9_900)).toBe('rotate')
  })

  it('keeps the newest token for the given time after a rotation, and not one second longer', () => {
    const at = (now: number, change: Partial<Session> = {}) =>
      decide({ ...session, ...change }, 5, now, { ...settings, keepSeconds: 50 })
    expect(at(9_800)).toEqual({ kind: 'keep', toGeneration: 6 })
    expect(at(9_849)).toEqual({ kind: 'keep', toGeneration: 6 })
    expect(at(9_850)).toEqual({ kind: 'rotate', toGeneration: 6 })
    expect(at(9_840, { confirmedAt: 9_840 }).kind).toBe('keep')
    expect(at(9_849, { endedAt: 9_848 }).kind).toBe('revoked')
    expect(at(9_849, { expiresAt: 9_849 }).kind).toBe('expired')
  })

  it('keeps no other token than the newest', () => {
    const of = (presented: number) =>
      decide({ ...session, confirmedAt: 9_800 }, presented, 9_840, { ...settings, keepSeconds: 50 }).kind
    expect([of(3), of(4), of(5), of(6)]).toEqual(['reused', 'reused', 'keep', 'caught_up'])
  })

  it('replays the token before it for as long as its successor was never seen', () => {
    expect(kindAt({}, 4, 9_800)).toBe('replay')
    expect(kindAt({}, 4, 10_799)).toBe('replay')
  })

  it('replays for the grace after its successor was seen, and not one second longer', () => {
    expect(kindAt({ confirmedAt: 9_900 }, 4, 9_900)).toBe('replay')
    expect(kindAt({ confirmedAt: 9_900 }, 4, 9_929)).toBe('replay')
    expect(kindAt({ confirmedAt: 9_900 }, 4, 9_930)).toBe('reused')
  })

  it('replays two generations back for the grace after that one’s own successor was seen', () => {
    expect(kindAt({ previousConfirmedAt: 9_790 }, 3, 9_819)).toBe('replay')
    expect(kindAt({ previousConfirmedAt: 9_790 }, 3, 9_820)).toBe('reused')
  })

  it('takes two generations back for reuse if it is not known when its successor was seen', () => {
    expect(kindAt({ previousConfirmedAt: null }, 3, 9_801)).toBe('reused')
  })

  it('does not let a later confirmation lengthen the grace of two generations back', () => {
    expect(kindAt({ previousConfirmedAt: 9_790, confirmedAt: 9_819 }, 3, 9_820)).toBe('reused')
  })

  it('calls three generations back reused, however fast they went by', () => {
    expect(kindAt({ previousConfirmedAt: 9_800, confirmedAt: 9_800 }, 2, 9_800)).toBe('reused')
    expect(kindAt({ previousConfirmedAt: 9_800, confirmedAt: 9_800 }, 1, 9_800)).toBe('reused')
  })

  it('with a grace of 0 replays until the successor is seen, and no more', () => {
    expect(kindAt({}, 4, 9_900, 0)).toBe('replay')
    expect(kindAt({ confirmedAt: 9_900 }, 4, 9_900, 0)).toBe('reused')
    expect(kindAt({ previousConfirmedAt: 9_900 }, 3, 9_900, 0)).toBe('reused')
  })

  it('catches up with a token any number of generations ahead', () => {
    expect(decide(session, 6, 9_900, settings)).toEqual({ kind: 'caught_up', toGeneration: 7 })
    expect(decide(session, 4_000, 9_900, settings)).toEqual({ kind: 'caught_up', toGeneration: 4_001 })
  })

  it('expires on the second of the absolute end, ahead or not', () => {
    const fresh = { lastUsedAt: 19_990 }
    expect(kindAt(fresh, 5, 19_999)).toBe('rotate')
    expect(kindAt(fresh, 5, 20_000)).toBe('expired')
    expect(kindAt(fresh, 6, 20_000)).toBe('expired')
    expect(kindAt(fresh, 4, 20_000)).toBe('expired')
  })

  it('expires on the second at which it was idle long enough', () => {
    expect(kindAt({}, 5, 10_799)).toBe('rotate')
    expect(kindAt({}, 5, 10_800)).toBe('expired')
    expect(kindAt({}, 4, 10_800)).toBe('expired')
  })

  it('counts the first use of the newest tokens as use, for a replay hands them out without a trace', () => {
    expect(kindAt({ confirmedAt: 10_500 }, 5, 11_499)).toBe('rotate')
    expect(kindAt({ confirmedAt: 10_500 }, 5, 11_500)).toBe('expired')
    expect(kindAt({ confirmedAt: 9_000 }, 5, 10_799)).toBe('rotate')
  })

  it('does not take a store that lost writes for an idle member', () => {
    expect(kindAt({}, 6, 10_800)).toBe('caught_up')
  })

  it('refuses every token of a session that ended', () => {
    for (const presented of [1, 3, 4, 5, 6]) {
      expect(kindAt({ endedAt: 9_900 }, presented, 9_900)).toBe('revoked')
      expect(kindAt({ endedAt: 9_900 }, presented, 30_000)).toBe('revoked')
    }
  })

  it('never turns a reused token back into a good one as time goes by', () => {
    const instant = fc.integer({ min: 9_000, max: 12_000 })
    fc.assert(
      fc.property(
        fc.option(instant),
        fc.option(instant),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 60 }),
        instant,
        fc.nat(3_000),
        (confirmedAt, previousConfirmedAt, presented, grace, now, later) => {
          const state = { confirmedAt, previousConfirmedAt }
          if (kindAt(state, presented, now, grace) !== 'reused') return
          expect(['reused', 'expired']).toContain(kindAt(state, presented, now + later, grace))
        },
      ),
    )
  })
})

const rotation = { id: session.id, fromGeneration: 5, toGeneration: 6, at: 9_900, sealedMember: null }

describe('advanced', () => {
  it('moves the session to the next generation, which nobody has used yet', () => {
    expect(advanced(session, rotation)).toEqual({
      ...session,
      generation: 6,
      confirmedAt: null,
      previousConfirmedAt: 9_900,
      lastUsedAt: 9_900,
    })
  })

  it('keeps when the generation before was first used, if that is known', () => {
    expect(advanced({ ...session, confirmedAt: 9_850 }, rotation)).toMatchObject({
      previousConfirmedAt: 9_850,
    })
  })

  it('takes no confirmation of an older generation for that of the one before', () => {
    const caughtUp = { ...rotation, toGeneration: 9 }
    expect(advanced({ ...session, confirmedAt: 9_850 }, caughtUp)).toMatchObject({
      generation: 9,
      previousConfirmedAt: 9_900,
    })
  })

  it('keeps the sealed member unless it is given another', () => {
    const sealed = { ...session, sealedMember: 'old' }
    expect(advanced(sealed, rotation)).toMatchObject({ sealedMember: 'old' })
    expect(advanced(sealed, { ...rotation, sealedMember: 'new' })).toMatchObject({ sealedMember: 'new' })
  })

  it('cuts off the fraction of the instant', () => {
    expect(advanced(session, { ...rotation, at: 9_900.9 })).toEqual(advanced(session, rotation))
  })

  it('does not apply to an ended session, or to one that expires in that second', () => {
    expect(advanced({ ...session, endedAt: 9_900 }, rotation)).toBeNull()
    expect(advanced({ ...session, expiresAt: 9_900 }, rotation)).toBeNull()
    expect(advanced({ ...session, expiresAt: 9_901 }, rotation)).not.toBeNull()
  })
})

describe('confirmed', () => {
  it('notes the first use of the current generation, in whole seconds, and no later one', () => {
    expect(confirmed(session, 5, 9_900.9)).toEqual({ ...session, confirmedAt: 9_900 })
    expect(confirmed({ ...session, confirmedAt: 9_900 }, 5, 9_950)).toBeNull()
  })

  it('catches up with a generation that the store lost, and leaves the time of the last known rotation', () => {
    const used = { confirmedAt: 9_900 }
    expect(confirmed({ ...session, confirmedAt: 9_850 }, 6, 9_900)).toEqual({
      ...session,
      ...used,
      generation: 6,
      previousConfirmedAt: 9_850,
    })
    expect(confirmed({ ...session, confirmedAt: 9_850 }, 8, 9_900)).toEqual({
      ...session,
      ...used,
      generation: 8,
      previousConfirmedAt: 9_900,
    })
  })

  it('leaves a retired generation and an ended session alone', () => {
    expect(confirmed(session, 4, 9_900)).toBeNull()
    expect(confirmed({ ...session, endedAt: 9_890 }, 5, 9_900)).toBeNull()
    expect(confirmed({ ...session, endedAt: 9_890 }, 9, 9_900)).toBeNull()
  })

  it('notes a use after the expiry too: the use proves that the token arrived', () => {
    expect(confirmed(session, 5, 20_000)).toEqual({ ...session, confirmedAt: 20_000 })
  })
})

describe('bound', () => {
  it('gives a session its first key, and no session another one', () => {
    expect(bound(session, 'k')).toEqual({ ...session, jkt: 'k' })
    expect(bound({ ...session, jkt: 'k' }, 'other')).toBeNull()
    expect(bound({ ...session, jkt: 'k' }, 'k')).toBeNull()
  })

  it('leaves an ended session alone', () => {
    expect(bound({ ...session, endedAt: 9_890 }, 'k')).toBeNull()
  })
})

describe('the surplus of sessions', () => {
  it('is those that were refreshed longest ago, and of one second the first ones', () => {
    const sessions = [5, 3, 9, 3].map((lastUsedAt, index) => ({ lastUsedAt, index }))
    const surplus = (most: number) => surplusOf(sessions, most).map(({ index }) => index)
    expect([surplus(5), surplus(4), surplus(3), surplus(2), surplus(0)]).toEqual([
      [],
      [],
      [1],
      [1, 3],
      [1, 3, 0, 2],
    ])
  })
})
