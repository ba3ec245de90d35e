import { createBoundedMap } from '../base/bounded-map.js'

/** The caller of a refresh, as far as it can be told from others. */
export interface RefreshClient {
  /** Undefined where the framework does not name it. */
  readonly address: string | undefined
  readonly userAgent: string | undefined
}

/** One answered refresh of a session. */
export interface WatchedRefresh {
  readonly sessionId: string
  /** The current refresh token, which changes with every generation. */
  readonly generation: string
  readonly client: RefreshClient
  readonly isReplay: boolean
}

/** Watches for a second client that follows a session. */
export interface ShadowWatch {
  /** Returns true once for a session: when another client than the one that rotated has followed in enough generations. */
  note(refresh: WatchedRefresh): boolean
}

/** One replay by another client is a lost response that was repeated on another network. */
const suspiciousGenerations = 3

/** Bounds memory. A session that is forgotten is watched anew from its next rotation. */
const watchedSessions = 10_000

const longestUserAgent = 128

interface Watched {
  generation: string
  rotatedBy: string
  /** True if another client has replayed this generation. */
  isFollowed: boolean
  followedGenerations: number
}

/**
 * Creates a watch in the memory of this process. It writes nothing to the store, and sees only the rotations and replays that
 * this process answers.
 */
export function createShadowWatch(): ShadowWatch {
  const sessions = createBoundedMap<Watched>(watchedSessions)
  return {
    note({ sessionId, generation, client, isReplay }) {
      const by = describe(client)
      const watched = sessions.get(sessionId)
      if (!isReplay) {
        const followedGenerations = watched?.followedGenerations ?? 0
        sessions.set(sessionId, { generation, rotatedBy: by, isFollowed: false, followedGenerations })
        return false
      }
      // Another instance made this generation, so it is unknown who did.
      if (!watched || watched.generation !== generation) return false
      if (watched.isFollowed || watched.rotatedBy === by) return false
      watched.isFollowed = true
      watched.followedGenerations += 1
      return watched.followedGenerations === suspiciousGenerations
    },
  }
}

function describe({ address = '', userAgent = '' }: RefreshClient): string {
  return `${address} ${userAgent.slice(0, longestUserAgent)}`
}
