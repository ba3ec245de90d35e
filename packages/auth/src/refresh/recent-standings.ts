import { createBoundedMap } from '../base/bounded-map.js'
import type { Clock } from '../base/time.js'
import type { Member } from '../members/index.js'
import type { Session } from '../sessions/index.js'

/** The member that the last refresh of a session found, and the access token that it gave. */
export interface RecentStanding {
  readonly member: Member
  /** The time at which the member was read, in seconds. */
  readonly readAt: number
  /** Null while it is being made. */
  readonly issued: IssuedToken | null
}

/** An access token, and the generation of the refresh token that it came with. */
export interface IssuedToken {
  readonly generation: number
  readonly accessToken: string
}

/** The results of the last refreshes, for replays that follow shortly after. */
export interface RecentStandings {
  readonly get: (sessionId: string) => RecentStanding | undefined
  /** Returns true if this process has issued a token of a later generation since the session was read. */
  readonly isAheadOf: (session: Pick<Session, 'id' | 'generation'> | null | undefined) => boolean
  readonly set: (sessionId: string, read: Pick<RecentStanding, 'member' | 'readAt'>) => void
  /** Keeps an access token for as long as the member it was made of. */
  readonly noteIssued: (sessionId: string, issued: IssuedToken) => void
}

/** For this many seconds a replay repeats the answer, without a call of the admin API. */
const keptSeconds = 30
/** Bounds memory. A session that is forgotten costs one more call of the admin API. */
const keptEntries = 10_000

interface Kept extends RecentStanding {
  issued: IssuedToken | null
  readonly at: number
}

/** Creates {@link RecentStandings}. Nothing is kept for longer than twice its time while sessions rotate. */
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
    isAheadOf: (session) =>
      session != null && (get(session.id)?.issued?.generation ?? 0) > session.generation,
    set: (sessionId, { member, readAt }) => {
      const at = clock()
      if (at - turnedAt >= keptSeconds) {
        kept.turn()
        turnedAt = at
      }
      kept.set(sessionId, { member, readAt, at, issued: null })
    },
    noteIssued: (sessionId, issued) => {
      const found = get(sessionId)
      if (found) found.issued = issued
    },
  }
}
