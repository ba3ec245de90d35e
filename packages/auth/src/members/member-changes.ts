import type { Clock } from '../base/time.js'

/**
 * The members whose roles or plans have changed within the life of an access token, as webhooks reported it to this instance
 * or another. What was read of such a member before the change is out of date.
 */
export interface MemberChanges {
  /** Notes a change that {@link MemberChanges.begin} of this or another instance dated. */
  note(memberId: string, changedAt: number): void
  /** Dates a change that is reported now: later than all that was read of the member before. Seconds since the epoch. */
  begin(memberId: string): number
  /**
   * Returns the instant to keep with an answer that was asked for at `askedAt`. An answer that was asked for after the change
   * was noted here is not older than the change, whatever the clocks of the instances say.
   */
  readAt(memberId: string, askedAt: number): number
  /** Returns true if something that was read at this instant is older than a change. No I/O. */
  isOutdated(memberId: string, readAt: number): boolean
  /** Notes that something has changed, and that it is not known yet what. Only {@link MemberChanges.mayServe} considers it. */
  report(memberId: string): void
  /** Returns true if something that was read at this instant may still be used for a new answer. */
  mayServe(memberId: string, readAt: number): boolean
}

/** No access token lives longer than an hour; a minute more for clocks that differ. */
const keptSeconds = 3600 + 60

/** The difference of the clocks of two instances that is allowed for, in seconds. */
const clockDifferenceSeconds = 5

/**
 * A change is dated no later than so many seconds from now. Only who writes to the store can have made a later one, and a token
 * that is issued after it would count as newer than the real changes that follow.
 */
const mostAheadSeconds = 60

interface Change {
  readonly changedAt: number
  /** The instant as it was noted, before the bound. */
  readonly given: number
  /** The time at which this instance noted the change, by its own clock. */
  readonly notedAt: number
  readonly reportedAt: number
}

const never: Change = { changedAt: -Infinity, given: -Infinity, notedAt: -Infinity, reportedAt: -Infinity }

/** Creates an empty list. Its size is bounded by the changes of an hour, and each took a call within the admin API's quota. */
export function createMemberChanges(clock: Clock): MemberChanges {
  const changes = new Map<string, Change>()

  const forgetOld = (before: number) => {
    // The oldest come first, so that the first entry that is still needed ends the search.
    for (const [memberId, { notedAt, reportedAt }] of changes) {
      if (Math.max(notedAt, reportedAt) >= before) return
      changes.delete(memberId)
    }
  }
  const change = (memberId: string, news: Partial<Change>) => {
    const before = changes.get(memberId) ?? never
    changes.delete(memberId)
    changes.set(memberId, { ...before, ...news })
    forgetOld(clock() - keptSeconds)
  }
  return {
    note(memberId, given) {
      const changedAt = Math.min(given, inMilliseconds(clock() + mostAheadSeconds))
      const known = changes.get(memberId)
      if (known && (known.given === given || known.changedAt >= changedAt)) return
      change(memberId, { changedAt, given, notedAt: clock() })
    },
    begin(memberId) {
      const latest = changes.get(memberId)?.changedAt ?? -Infinity
      return inMilliseconds(Math.max(clock() + clockDifferenceSeconds, latest + 0.001))
    },
    readAt(memberId, askedAt) {
      const known = changes.get(memberId)
      return known && askedAt >= known.notedAt ? Math.max(askedAt, known.changedAt) : askedAt
    },
    isOutdated(memberId, readAt) {
      if (changes.size === 0) return false
      const known = changes.get(memberId)
      return known !== undefined && readAt < known.changedAt
    },
    report: (memberId) => change(memberId, { reportedAt: clock() }),
    mayServe(memberId, readAt) {
      const known = changes.get(memberId)
      return !known || (readAt >= known.changedAt && readAt >= known.reportedAt)
    },
  }
}

/** A whole number of milliseconds, in seconds: the precision of what is stored and signed. */
function inMilliseconds(seconds: number): number {
  return Math.ceil(seconds * 1000) / 1000
}
