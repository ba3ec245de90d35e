import { createBoundedMap } from '../base/bounded-map.js'
import type { Clock } from '../base/time.js'
import type { Member } from '../members/index.js'

/** What the last refresh of a session found and gave. */
export interface RecentStanding {
  readonly member: Member
  /** Null while it is being made. */
  readonly issued: IssuedToken | null
}

/** An access token, and the generation of the refresh token that it came with. */
export interface IssuedToken {
  readonly generation: number
  readonly accessToken: string
}

/** Members as the last refreshes found them, and what these were given, for replays that follow at once. */
export interface RecentStandings {
  readonly get: (sessionId: string) => RecentStanding | undefined
  readonly set: (sessionId: string, member: Member) => void
  /** Keeps an access token for as long as the member it was made of. */
  readonly noteIssued: (sessionId: string, issued: IssuedToken) => void
}

/** A replay this soon after, in seconds, repeats its answer and asks nobody again. */
const keptSeconds = 30
/** Bounds memory where very many sessions rotate at once; one that is forgotten costs one question more. */
const keptEntries = 10_000

interface Kept extends RecentStanding {
  issued: IssuedToken | null
  readonly at: number
}

/** Forgets by halves, so that nothing is kept for longer than twice its time while sessions rotate. */
export function createRecentStandings(clock: Clock): RecentStandings {
  const kept = createBoundedMap<Kept>(keptEntries)
  let turnedAt = clock()
  const get = (sessionId: string) => {
    const found = kept.get(sessionId)
    const age = found ? clock() - found.at : Infinity
    return age >= 0 && age < keptSeconds ? found : undefined
  }
  return {
    get,
    set: (sessionId, member) => {
      const at = clock()
      if (at - turnedAt >= keptSeconds) {
        kept.turn()
        turnedAt = at
      }
      kept.set(sessionId, { member, at, issued: null })
    },
    noteIssued: (sessionId, issued) => {
      const found = get(sessionId)
      if (found) found.issued = issued
    },
  }
}
