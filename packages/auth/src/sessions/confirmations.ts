import type { Background } from '../base/background.js'
import type { Clock } from '../base/time.js'
import type { SessionStore } from './session-store.js'
import { createBoundedMap } from '../base/bounded-map.js'

/** Writes the first use of each generation's access token, after the request. */
export interface Confirmations {
  /** Notes a use and returns at once. There is one write for each generation; a failed one is repeated at the next use. */
  readonly note: (sessionId: string, generation: number) => void
  /** Waits for the writes under way; never rejects. */
  readonly flush: () => Promise<void>
}

/** Options of {@link createConfirmations}. */
export interface ConfirmationsOptions {
  readonly store: Pick<SessionStore, 'confirm'>
  readonly clock: Clock
  /** Sessions remembered as confirmed; one that is forgotten costs one more write. @defaultValue 50000 */
  readonly sessionsKept?: number | undefined
  /** Writes under way at most; further first sights wait for a later one. @defaultValue 1000 */
  readonly writesAtOnce?: number | undefined
  /** Gets each write. @defaultValue nobody */
  readonly background?: Background | undefined
}

/** Creates {@link Confirmations}. It keeps the last confirmed generation of each session in bounded memory. */
export function createConfirmations(options: ConfirmationsOptions): Confirmations {
  const { store, clock, sessionsKept = 50_000, writesAtOnce = 1_000, background } = options
  const confirmed = createBoundedMap<number>(sessionsKept)
  const writing = new Set<Promise<void>>()

  const write = async (sessionId: string, generation: number) => {
    try {
      await store.confirm(sessionId, generation, clock())
    } catch {
      // The session then looks unconfirmed, which only delays the discovery of a theft. The next use tries again.
      if (confirmed.get(sessionId) === generation) confirmed.delete(sessionId)
    }
  }
  return {
    note: (sessionId, generation) => {
      if ((confirmed.get(sessionId) ?? 0) >= generation || writing.size >= writesAtOnce) return
      confirmed.set(sessionId, generation)
      const task = write(sessionId, generation).finally(() => writing.delete(task))
      writing.add(task)
      background?.add(task)
    },
    flush: async () => {
      await Promise.all(writing)
    },
  }
}
