import type { Session } from './session.js'

/** What a refresh token of a session is worth. */
export type Decision =
  /** The newest token: the session moves on to `toGeneration`. */
  | { readonly kind: 'rotate'; readonly toGeneration: number }
  /** A token that the store should know but does not: it lost writes. The session moves on to `toGeneration`. */
  | { readonly kind: 'caught_up'; readonly toGeneration: number }
  /** A retired token whose successor may not have arrived: it gets the current one, and nothing changes. */
  | { readonly kind: 'replay' }
  | { readonly kind: 'reused' | 'expired' | 'revoked' }

/** The limits that a decision is made by, in seconds. */
export interface RotationSettings {
  /** How long a retired token still answers once its successor was used. 0 is allowed. */
  readonly graceSeconds: number
  /** A session that was not rotated for so long is over. */
  readonly idleSeconds: number
}

/**
 * Decides what a refresh token of generation `presented` is worth at `now` (RFC 9700 §4.14.2, with the confirmation
 * and the grace that keep a lost response from ending a session).
 */
export function decide(
  session: Session,
  presented: number,
  now: number,
  { graceSeconds, idleSeconds }: RotationSettings,
): Decision {
  if (session.endedAt !== null) return { kind: 'revoked' }
  if (now >= session.expiresAt) return { kind: 'expired' }
  // Ahead of the store, `lastUsedAt` is older than the last use, so that it proves nothing about idleness.
  if (presented > session.generation) return { kind: 'caught_up', toGeneration: presented + 1 }
  if (isIdle(session, now, idleSeconds)) return { kind: 'expired' }
  if (presented === session.generation) return { kind: 'rotate', toGeneration: presented + 1 }

  const successor = seenSuccessor(session, presented)
  if (successor === 'never_seen') return { kind: 'replay' }
  return now < successor + graceSeconds ? { kind: 'replay' } : { kind: 'reused' }
}

/**
 * Whether a session was not refreshed for too long. A replay writes nothing, so that the first use of what it handed out
 * counts for it: who gets his lost tokens late is not signed out at the next refresh.
 */
export function isIdle(session: Session, now: number, idleSeconds: number): boolean {
  return now >= Math.max(session.lastUsedAt, session.confirmedAt ?? 0) + idleSeconds
}

/** When the successor of a retired generation was first seen; beyond two generations back, too long ago to count. */
function seenSuccessor(session: Session, presented: number): number | 'never_seen' {
  const behind = session.generation - presented
  if (behind === 1) return session.confirmedAt ?? 'never_seen'
  if (behind === 2) return session.previousConfirmedAt ?? -Infinity
  return -Infinity
}
