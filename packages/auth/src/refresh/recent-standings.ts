import type { Clock } from '../clock.js'
import type { Member } from '../members/member.js'

/** Members as the last refreshes found them, for replays that follow at once. */
export interface RecentStandings {
  readonly get: (sessionId: string) => Member | undefined
  readonly set: (sessionId: string, member: Member) => void
}

/** A replay this soon after, in seconds, repeats its answer and asks nobody again. */
const keptSeconds = 30
/** Bounds memory where very many sessions rotate at once; one that is forgotten costs one question more. */
const keptEntries = 10_000

/** Forgets by halves, so that nothing is kept for longer than twice its time while sessions rotate. */
export function createRecentStandings(clock: Clock): RecentStandings {
  let younger = new Map<string, { readonly member: Member; readonly at: number }>()
  let older = younger
  let startedAt = clock()
  return {
    get: (sessionId) => {
      const found = younger.get(sessionId) ?? older.get(sessionId)
      const age = found ? clock() - found.at : Infinity
      return age >= 0 && age < keptSeconds ? found?.member : undefined
    },
    set: (sessionId, member) => {
      const at = clock()
      if (younger.size >= keptEntries || at - startedAt >= keptSeconds) {
        older = younger
        younger = new Map()
        startedAt = at
      }
      younger.set(sessionId, { member, at })
    },
  }
}
