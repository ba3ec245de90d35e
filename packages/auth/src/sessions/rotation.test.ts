import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide, type RotationSettings } from './rotation.js'
import type { Session } from './session.js'

const settings: RotationSettings = { graceSeconds: 30, idleSeconds: 1_000 }
const session: Session = {
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
}
const kindAt = (change: Partial<Session>, presented: number, now: number, grace = 30) =>
  decide({ ...session, ...change }, presented, now, { ...settings, graceSeconds: grace }).kind

describe('decide', () => {
  it('rotates the newest token to the next generation, used before or not', () => {
    expect(decide(session, 5, 9_900, settings)).toEqual({ kind: 'rotate', toGeneration: 6 })
    expect(kindAt({ confirmedAt: 9_850 }, 5, 9_900)).toBe('rotate')
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
