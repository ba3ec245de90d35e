import { createPagedMap, type PagedMap } from '../base/paged-map.js'
import { forEachInSlices } from '../base/slices.js'
import { shareRun } from '../base/single-flight.js'
import { systemTicker, type Clock, type Ticker } from '../base/time.js'
import { createEndedFreshness } from './ended-freshness.js'
import type { Epochs } from './epochs.js'
import { memberChangeIn } from './outdated-tokens.js'
import type { EndedSession, SessionStore } from './session-store.js'

/** The sessions that ended within the life of an access token, in memory, so that `authenticate` needs no store. */
export interface Revocations {
  /** `unknown` until the store was read once since start; `authenticate` then answers 503. */
  readonly state: () => 'unknown' | 'known'
  /** @param epoch - the epoch in which the session began. @defaultValue the present one */
  readonly isEnded: (sessionId: string, epoch?: number) => boolean
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
  readonly epochs: Pick<Epochs, 'current' | 'note' | 'noteEntry' | 'sync'>
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
/** Each reading may report another gap. */
const largestNumberOfTurns = 3

/**
 * Creates the list of ended sessions. It watches the store and reads it. Its size is bounded by the sessions that end within
 * an hour, and each of those needed a sign-in within the admin API's quota.
 */
export function createRevocations(options: RevocationsOptions): Revocations {
  const { store, epochs, clock, ticker = systemTicker, patienceSeconds = 1 } = options
  const ended = createEndedSet(options)
  const list = createList(options, ended, (at) => freshness.noteComplete(at))
  const freshness = createEndedFreshness({ sync: list.sync, clock, patienceSeconds })

  // Watching begins before the first read, so that no end is missed between the two.
  const stopWatching = store.watchEnded((news) => {
    if (news === 'resync') list.noteGap()
    else ended.note(news)
  })
  const stopTicking = ticker(renewEverySeconds, () => {
    list.loadIfWanted()
    if (list.isLoaded()) void freshness.renew()
  })
  return {
    state: () => (list.isLoaded() ? 'known' : 'unknown'),
    isEnded: createIsEnded(epochs, ended),
    catchUp: freshness.catchUp,
    note: ended.note,
    load: list.load,
    close: () => {
      stopWatching()
      stopTicking()
    },
  }
}

/** Creates the whole list, which is read at the start and after each gap in the news of the store. */
function createList(
  { store, epochs, clock }: RevocationsOptions,
  ended: EndedSet,
  noteComplete: (at: number) => void,
) {
  let isLoaded = false
  // Counted, so that a gap that is reported during a read causes another read.
  let wanted = 1
  let done = 0

  const load = shareRun(async () => {
    const goal = wanted
    const startedAt = clock()
    // First, so that nothing is missed between what it passes over and the list.
    await store.syncEnded()
    await epochs.sync()
    const missing = await readEnded(store, ended, Math.floor(clock() - keptSeconds))
    isLoaded = true
    noteComplete(startedAt)
    // A store that fell back to an older state would make ended sessions valid again.
    if (missing.length > 0) await store.restoreEnded(missing)
    done = goal
  })
  const isBehind = () => done < wanted
  const loadIfWanted = () => {
    // What fails here is tried again at the next tick.
    if (isBehind()) load().catch(() => {})
  }
  return {
    load,
    loadIfWanted,
    isLoaded: () => isLoaded,
    noteGap: () => {
      wanted++
      loadIfWanted()
    },
    /** Reads the news of the store. The list is complete after it: a gap that they report is read too. */
    sync: async () => {
      await store.syncEnded()
      for (let turn = 0; turn < largestNumberOfTurns && isBehind(); turn++) await load()
    },
  }
}

/** Notes what the store lists, and returns what is known here and not listed there. */
async function readEnded(
  store: Pick<SessionStore, 'endedSince'>,
  ended: EndedSet,
  since: number,
): Promise<readonly EndedSession[]> {
  const listed = createPagedMap<true>()
  for await (const some of store.endedSince(since)) {
    for (const { id } of some) listed.set(id, true)
    ended.note(some)
  }
  return await ended.without(listed)
}

/** A token of a later epoch than the known one proves that the store had it. */
function createIsEnded(epochs: RevocationsOptions['epochs'], ended: EndedSet): Revocations['isEnded'] {
  return (sessionId, epoch = epochs.current()) => {
    const current = epochs.current()
    if (epoch > current) epochs.note(epoch)
    return epoch < current || ended.has(sessionId)
  }
}

interface EndedSet {
  readonly has: (sessionId: string) => boolean
  readonly note: (news: readonly EndedSession[]) => void
  /** Returns the known ended sessions that are not in this list. */
  readonly without: (listed: Pick<PagedMap<true>, 'has'>) => Promise<readonly EndedSession[]>
}

function createEndedSet({ clock, epochs, onMemberChange }: RevocationsOptions): EndedSet {
  const ended = createPagedMap<number>()
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
        const change = epochs.noteEntry(entry) ? null : memberChangeIn(entry)
        if (change) onMemberChange?.(change.memberId, change.changedAt)
      }
      forgetOld(clock() - keptSeconds)
    },
    async without(listed) {
      const missing: EndedSession[] = []
      await forEachInSlices(ended, ([id, endedAt]) => {
        if (!listed.has(id)) missing.push({ id, endedAt })
      })
      return missing
    },
  }
}
