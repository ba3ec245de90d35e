import { shareRun } from '../base/single-flight.js'
import { systemTicker, type Clock, type Ticker } from '../base/time.js'
import { createEndedFreshness } from './ended-freshness.js'
import { memberChangeIn } from './outdated-tokens.js'
import type { EndedSession, SessionStore } from './session-store.js'

/** The sessions that ended within the life of an access token, in memory, so that `authenticate` needs no store. */
export interface Revocations {
  /** `unknown` until the store was read once since start; `authenticate` then answers 503. */
  readonly state: () => 'unknown' | 'known'
  readonly isEnded: (sessionId: string) => boolean
  /**
   * Returns null if `isEnded` may be asked now: the list is younger than 2 s, or the store does not answer. Otherwise returns a
   * promise that resolves when it may. It never rejects.
   */
  readonly catchUp: () => Promise<void> | null
  /** Makes ended sessions count at once in this process. */
  readonly note: (ended: readonly EndedSession[]) => void
  /** Reads the store now. @throws {@link AuthError} `AUTH_UNAVAILABLE`; it is tried again every second by itself */
  readonly load: () => Promise<void>
  readonly close: () => void
}

/** Options of {@link createRevocations}. */
export interface RevocationsOptions {
  readonly store: Pick<SessionStore, 'endedSince' | 'watchEnded' | 'syncEnded' | 'restoreEnded'>
  readonly clock: Clock
  /** @defaultValue the machine's timer, which keeps no process alive */
  readonly ticker?: Ticker | undefined
  /** The time for which a store that does not answer is asked again before a request uses the old list, in seconds. @defaultValue 1 */
  readonly patienceSeconds?: number | undefined
  /** Gets the changes of members that the feed carries. @defaultValue nobody */
  readonly onMemberChange?: ((memberId: string, changedAt: number) => void) | undefined
}

/** No access token lives longer than an hour; a minute more for clocks that differ. */
const keptSeconds = 3600 + 60
const renewEverySeconds = 1

/**
 * Creates the list of ended sessions. It watches the store and reads it. Its size is bounded by the sessions that end within
 * an hour, and each of those needed a sign-in within the admin API's quota.
 */
export function createRevocations(options: RevocationsOptions): Revocations {
  const { store, clock, ticker = systemTicker, patienceSeconds = 1 } = options
  const ended = createEndedSet(options)
  const freshness = createEndedFreshness({ sync: () => store.syncEnded(), clock, patienceSeconds })
  let everLoaded = false
  // Counted, so that a gap that is reported during a read causes another read.
  let wanted = 1
  let done = 0

  const load = shareRun(async () => {
    const goal = wanted
    const startedAt = clock()
    // First, so that nothing is missed between what it passes over and the list.
    await store.syncEnded()
    const listed = await store.endedSince(Math.floor(clock() - keptSeconds))
    const missing = ended.without(listed)
    ended.note(listed)
    everLoaded = true
    freshness.noteComplete(startedAt)
    // A store that fell back to an older state would make ended sessions valid again.
    if (missing.length > 0) await store.restoreEnded(missing)
    done = goal
  })
  const loadIfWanted = () => {
    // What fails here is tried again at the next tick.
    if (done < wanted) load().catch(() => {})
  }

  // Watching begins before the first read, so that no end is missed between the two.
  const stopWatching = store.watchEnded((news) => {
    if (news !== 'resync') return ended.note(news)
    wanted++
    loadIfWanted()
  })
  const stopTicking = ticker(renewEverySeconds, () => {
    loadIfWanted()
    if (everLoaded) void freshness.renew()
  })
  const close = () => {
    stopWatching()
    stopTicking()
  }
  const state = () => (everLoaded ? 'known' : 'unknown')
  return { state, isEnded: ended.has, catchUp: freshness.catchUp, note: ended.note, load, close }
}

interface EndedSet {
  readonly has: (sessionId: string) => boolean
  readonly note: (news: readonly EndedSession[]) => void
  /** Returns the known ended sessions that are not in this list. */
  readonly without: (listed: readonly EndedSession[]) => readonly EndedSession[]
}

function createEndedSet({ clock, onMemberChange }: RevocationsOptions): EndedSet {
  const ended = new Map<string, number>()
  const forgetOld = (before: number) => {
    // Oldest news come first, so that the first entry that is still needed ends the search.
    for (const [id, endedAt] of ended) {
      if (endedAt >= before) return
      ended.delete(id)
    }
  }
  return {
    has: (sessionId) => ended.has(sessionId),
    note: (news) => {
      for (const entry of news) {
        ended.set(entry.id, entry.endedAt)
        const change = onMemberChange && memberChangeIn(entry)
        if (change) onMemberChange(change.memberId, change.changedAt)
      }
      forgetOld(clock() - keptSeconds)
    },
    without: (listed) => {
      const ids = new Set(listed.map(({ id }) => id))
      return [...ended].filter(([id]) => !ids.has(id)).map(([id, endedAt]) => ({ id, endedAt }))
    },
  }
}
