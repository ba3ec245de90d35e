import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  eventOf,
  isNewer,
  isSameSession,
  lastOf,
  nextSession,
  signOutSeq,
  type TokenRecord,
} from './token-record.js'

const record = (seq: number, accessToken?: string): TokenRecord => ({ seq, offsetSeconds: 0, accessToken })

describe('the order of records', () => {
  it('puts a sign-out after every refresh and sign-in that began before it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4e9 }),
        fc.integer({ min: 0, max: 999 }),
        fc.integer({ min: 0, max: 4e9 }),
        (session, renewed, now) => {
          const seq = session * 1e6 + renewed
          const out = record(signOutSeq(seq, now))
          expect(isNewer(out, record(seq + 1, 'ey'))).toBe(true)
          expect(isNewer(out, record(nextSession(seq, now), 'ey'))).toBe(true)
          expect(isNewer(record(nextSession(out.seq, now), 'ey'), out)).toBe(true)
          expect(Number.isSafeInteger(nextSession(out.seq, now))).toBe(true)
        },
      ),
    )
  })

  it('puts the end of an old member’s session after its refreshes, and before a sign-in that began before it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e9 }), fc.integer({ min: 0, max: 1999 }), (session, halves) => {
        // In `cookie` mode a stored record is half a step back.
        const seq = session * 1e6 + (halves - 1) / 2
        const end = record(lastOf(seq))
        expect(isNewer(end, record(seq + 2, 'ey'))).toBe(true)
        expect(isNewer(record(nextSession(seq), 'ey'), end)).toBe(true)
        expect(nextSession(seq)).toBe((session + 1) * 1e6)
      }),
    )
  })

  it('makes all tabs choose the same of two records with one number, and a sign-out before any token', () => {
    expect(isNewer(record(5, 'eyB'), record(5, 'eyA'))).toBe(true)
    expect(isNewer(record(5, 'eyA'), record(5, 'eyB'))).toBe(false)
    expect(isNewer(record(5), record(5, 'eyB'))).toBe(true)
    expect(isNewer(record(5, 'eyB'), record(5))).toBe(false)
    expect(isNewer(record(5, 'eyB'), record(5, 'eyB'))).toBe(false)
  })

  it('grows even if the clock was set back', () => {
    expect(nextSession(7_000_003, 2)).toBe(8_000_000)
    expect(nextSession(7_000_003, 9.9)).toBe(9_000_000)
  })
})

describe('the event of a record', () => {
  it('is refreshed within a session, signed-in for another session, and signed-out without a token', () => {
    expect(eventOf(record(5_000_000, 'a'), record(5_000_001, 'b'))).toBe('refreshed')
    expect(eventOf(record(5_000_000, 'a'), record(6_000_000, 'b'))).toBe('signed-in')
    expect(eventOf(record(5_999_999), record(5_999_999.5, 'b'))).toBe('signed-in')
    expect(eventOf(record(5_000_000, 'a'), record(6_999_999))).toBe('signed-out')
  })

  it('is signed-in for another member, and after a sign-out, also within a session', () => {
    const of = (userId: string | null, seq = 5_000_001, accessToken: string | undefined = 'b') => ({
      ...record(seq, accessToken),
      userId,
    })
    expect(eventOf(of('mem_ada', 5_000_000), of('mem_bob'))).toBe('signed-in')
    expect(eventOf(of('mem_ada', 5_000_000), of('mem_ada'))).toBe('refreshed')
    expect(eventOf({ ...of('mem_ada', 5_000_000), accessToken: undefined }, of('mem_ada'))).toBe('signed-in')
    expect(isSameSession(record(5_000_000), record(5_999_998.5))).toBe(true)
    expect(isSameSession(record(5_000_000), record(6_000_000))).toBe(false)
    // A stored record of `cookie` mode, half a step back.
    expect(isSameSession(record(4_999_999.5), record(5_000_000))).toBe(true)
  })
})
