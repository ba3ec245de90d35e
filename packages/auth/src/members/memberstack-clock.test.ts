import { describe, expect, it } from 'vitest'
import { createFakeTime } from '../../test/kit/fake-time.js'
import { createMemberstackClock } from './memberstack-clock.js'

const dateAt = (seconds: number) => new Date(Math.floor(seconds) * 1000).toUTCString()

describe("Memberstack's clock", () => {
  it.each([-4, 0, 4])(
    'is never ahead of it, and less than a second behind, with ours %i s ahead',
    async (ahead) => {
      const time = createFakeTime(1_700_000_000.25)
      const theirs = () => time.now - ahead
      const clock = createMemberstackClock(time.clock)
      for (const seconds of [0, 0.3, 0.5, 7.9, 600]) {
        await time.pass(seconds)
        clock.noteDate(dateAt(theirs()), time.now)
        await time.pass(100)
        expect(clock.earliestNow()).toBeLessThanOrEqual(theirs())
        expect(clock.earliestNow()).toBeGreaterThan(theirs() - 1)
      }
    },
  )

  it('is taken to be 5 s behind ours before the first answer', () => {
    expect(createMemberstackClock(() => 1_000).earliestNow()).toBe(995)
  })

  it.each([undefined, '', 'yesterday', dateAt(1_000 + 301), dateAt(1_000 - 301)])(
    'is not changed by the date %j',
    (date) => {
      const clock = createMemberstackClock(() => 1_000)
      clock.noteDate(dateAt(1_002), 1_000)
      clock.noteDate(date, 1_000)
      expect(clock.earliestNow()).toBe(1_002)
    },
  )
})
