import type { Clock } from '../base/time.js'

/** Memberstack's clock, as its answers give it. */
export interface MemberstackClock {
  /** Notes the `Date` header (RFC 9110 §6.6.1) of an answer that came at `receivedAt` by our clock. */
  readonly noteDate: (date: string | undefined, receivedAt: number) => void
  /** Returns true once an answer had a date. */
  readonly isKnown: () => boolean
  /**
   * Returns the earliest time that it can be there now, in seconds: nothing that Memberstack issues from now on has an
   * earlier `iat`.
   */
  earliestNow(): number
}

/** The difference that is assumed before the first answer: ours may be ahead by so much, in seconds. */
const assumedDifferenceSeconds = 5

/** A date that is further from our clock than this is a mistake of somebody between us, in seconds. */
const largestDifferenceSeconds = 300

/**
 * Creates a clock that follows the last answer. A `Date` is cut off to whole seconds, and its answer took some time to
 * arrive, so the clock is at most a second and that time behind, and never ahead.
 */
export function createMemberstackClock(clock: Clock): MemberstackClock {
  let differenceSeconds = -assumedDifferenceSeconds
  let isKnown = false
  return {
    noteDate(date, receivedAt) {
      const difference = Date.parse(date ?? '') / 1000 - receivedAt
      if (!(Math.abs(difference) <= largestDifferenceSeconds)) return
      differenceSeconds = difference
      isKnown = true
    },
    isKnown: () => isKnown,
    earliestNow: () => clock() + differenceSeconds,
  }
}
