import { shareRun } from '../base/single-flight.js'
import { systemTicker, type Clock, type Ticker } from '../base/time.js'
import type { EndedSession, SessionStore } from './session-store.js'

/** Which sessions ended within the life of an access token, in memory, so that `authenticate` asks no store. */
export interface Revocations {
  /** `unknown` until the store was read once since start; `authenticate` then answers 503. */
  readonly state: () => 'unknown' | 'known'
  readonly isEnded: (sessionId: string) => boolean
  /** Makes ended sessions count at once in this process. */
  readonly note: (ended: readonly EndedSession[]) => void
  /** Reads the store now. @throws {@link AuthError} `AUTH_UNAVAILABLE`; it is tried again every second by itself */
  readonly load: () => Promise<void>
  readonly close: () => void
}

/** What the set of ended sessions is fed by. */
export interface RevocationsOptions {
  readonly store: Pick<SessionStore, 'endedSince' | 'watchEnded' | 'restoreEnded'>
  readonly clock: Clock
  /** @defaultValue the machine's timer, which keeps no process alive */
  readonly ticker?: Ticker | undefined
}

/** No access token lives longer than an hour; a minute more for clocks that differ. */
const keptSeconds = 3600 + 60
const retryEverySeconds = 1

/**
 * Listens to the store and reads it. Memory is bounded by the sessions that end within an hour, each of which a sign-in
 * within the admin API's quota made.
 */
export function createRevocations({ store, clock, ticker = systemTicker }: RevocationsOptions): Revocations {
  const ended = createEndedSet(clock)
  let everLoaded = false
  // Counted, so that news of a gap that arrives during a read asks for another one.
  let wanted = 1
  let done = 0

  const load = shareRun(async () => {
    const goal = wanted
    const listed = await store.endedSince(Math.floor(clock() - keptSeconds))
    const missing = ended.without(listed)
    ended.note(listed)
    everLoaded = true
    // A store that fell back to an older state would let the dead live again.
    if (missing.length > 0) await store.restoreEnded(missing)
    done = goal
  })
  const loadIfWanted = () => {
    // What fails here is tried again at the next tick.
    if (done < wanted) load().catch(() => {})
  }

  // Listening begins before the first read, so that nothing falls between the two.
  const stopWatching = store.watchEnded((news) => {
    if (news !== 'resync') return ended.note(news)
    wanted++
    loadIfWanted()
  })
  const stopTicking = ticker(retryEverySeconds, loadIfWanted)
  const close = () => {
    stopWatching()
    stopTicking()
  }
  const state = () => (everLoaded ? 'known' : 'unknown')
  return { state, isEnded: ended.has, note: ended.note, load, close }
}

interface EndedSet {
  readonly has: (sessionId: string) => boolean
  readonly note: (news: readonly EndedSession[]) => void
  /** What is known beside these. */
  readonly without: (listed: readonly EndedSession[]) => readonly EndedSession[]
}

function createEndedSet(clock: Clock): EndedSet {
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
      for (const { id, endedAt } of news) ended.set(id, endedAt)
      forgetOld(clock() - keptSeconds)
    },
    without: (listed) => {
      const ids = new Set(listed.map(({ id }) => id))
      return [...ended].filter(([id]) => !ids.has(id)).map(([id, endedAt]) => ({ id, endedAt }))
    },
  }
}
