import type { Advance } from './session-store.js'
import type { Session } from './session.js'

/** The result of judging a refresh token by its session. */
export type Decision =
  /** The newest token: the session moves on to `toGeneration`. */
  | { readonly kind: 'rotate'; readonly toGeneration: number }
  /** The newest token, shortly after a rotation: it may stay, and nothing is written. */
  | { readonly kind: 'keep'; readonly toGeneration: number }
  /** A token ahead of the store, which has lost writes. The session moves on to `toGeneration`. */
  | { readonly kind: 'caught_up'; readonly toGeneration: number }
  /** A retired token whose successor may not have arrived. The answer is the current token, and nothing is written. */
  | { readonly kind: 'replay' }
  | { readonly kind: 'reused' | 'expired' | 'revoked' }

/** The limits of a rotation, in seconds. */
export interface RotationSettings {
  /** The time for which a retired token still gets an answer after its successor was first used. 0 is allowed. */
  readonly graceSeconds: number
  /** The time after which a session that was not used expires. */
  readonly idleSeconds: number
  /** The time after a rotation for which the newest token may stay. @defaultValue 0: it is rotated at each use */
  readonly keepSeconds?: number | undefined
}

/**
 * Judges a refresh token of generation `presented` at `now` (RFC 9700 §4.14.2). Confirmation and grace keep a lost
 * response from ending a session.
 */
export function decide(
  session: Session,
  presented: number,
  now: number,
  settings: RotationSettings,
): Decision {
  const { graceSeconds, idleSeconds } = settings
  if (session.endedAt !== null) return { kind: 'revoked' }
  if (now >= session.expiresAt) return { kind: 'expired' }
  // The store lost writes, so its `lastUsedAt` is older than the last use and says nothing about idleness.
  if (presented > session.generation) return { kind: 'caught_up', toGeneration: presented + 1 }
  if (isIdle(session, now, idleSeconds)) return { kind: 'expired' }
  if (presented === session.generation) {
    const kind = mayStay(session, now, settings) ? 'keep' : 'rotate'
    return { kind, toGeneration: presented + 1 }
  }

  const successor = seenSuccessor(session, presented)
  if (successor === 'never_seen') return { kind: 'replay' }
  return now < successor + graceSeconds ? { kind: 'replay' } : { kind: 'reused' }
}

/** Returns true while the newest refresh token may stay, and its access tokens end with the one of its rotation. */
export function mayStay(session: Session, now: number, { keepSeconds = 0 }: RotationSettings): boolean {
  return now < session.lastUsedAt + keepSeconds
}

/**
 * Returns true if a session was not used for `idleSeconds`. A replay writes nothing, so the first use of the tokens that
 * it returned (`confirmedAt`) counts as a use too.
 */
export function isIdle(session: Session, now: number, idleSeconds: number): boolean {
  return now >= Math.max(session.lastUsedAt, session.confirmedAt ?? 0) + idleSeconds
}

/** Returns true if a session has neither ended nor expired at `at`. */
export function isLive(session: Session, at: number): boolean {
  return session.endedAt === null && session.expiresAt > at
}

/** Returns those sessions that were refreshed longest ago, until `most` are left. Of two of one second, the first one given. */
export function surplusOf<T extends Pick<Session, 'lastUsedAt'>>(
  sessions: readonly T[],
  most: number,
): readonly T[] {
  if (sessions.length <= most) return []
  const longestAgoFirst = sessions.toSorted((one, other) => one.lastUsedAt - other.lastUsedAt)
  return longestAgoFirst.slice(0, sessions.length - most)
}

/** Each lost compare-and-set means that another caller has won, so a few turns are enough. */
export const largestNumberOfTurns = 5

/** Returns the session that a rotation writes, or null if the session is not live. */
export function advanced(session: Session, change: Advance): Session | null {
  const at = Math.floor(change.at)
  if (!isLive(session, at)) return null
  return {
    ...session,
    generation: change.toGeneration,
    confirmedAt: null,
    previousConfirmedAt: predecessorSeenAt(session, change.toGeneration, at),
    lastUsedAt: at,
    sealedMember: change.sealedMember ?? session.sealedMember,
  }
}

/**
 * Returns the session that the first use of `generation` at `at` writes, or null if it writes nothing: the session has
 * ended, or the generation is retired or was used before. A generation ahead of the store proves that the store lost
 * writes. The session catches up. `lastUsedAt` stays: the time of the lost rotation is not known, and `at` is after it.
 */
export function confirmed(session: Session, generation: number, at: number): Session | null {
  if (session.endedAt !== null || generation < session.generation) return null
  const confirmedAt = Math.floor(at)
  if (generation === session.generation) {
    return session.confirmedAt === null ? { ...session, confirmedAt } : null
  }
  return {
    ...session,
    generation,
    confirmedAt,
    previousConfirmedAt: predecessorSeenAt(session, generation, confirmedAt),
  }
}

/** Returns the session that its browser's first proof of this key writes, or null if the session has ended or is bound already. */
export function bound(session: Session, jkt: string): Session | null {
  return session.endedAt === null && session.jkt === null ? { ...session, jkt } : null
}

/** Returns when `generation - 1` was first used: `at` if the store does not know. */
function predecessorSeenAt(session: Session, generation: number, at: number): number {
  return generation === session.generation + 1 ? (session.confirmedAt ?? at) : at
}

/** Returns when the successor of a retired generation was first used. From three generations back it is too long ago. */
function seenSuccessor(session: Session, presented: number): number | 'never_seen' {
  const behind = session.generation - presented
  if (behind === 1) return session.confirmedAt ?? 'never_seen'
  if (behind === 2) return session.previousConfirmedAt ?? -Infinity
  return -Infinity
}
