import type { Session, SessionEndReason } from './session.js'

/** A session that ended, as the revocation feed tells it. */
export interface EndedSession {
  readonly id: string
  /** Seconds since the epoch. */
  readonly endedAt: number
}

/** One rotation: from what was read to what shall be. */
export interface Advance {
  readonly id: string
  /** The generation that was read; nothing is written if the store has moved on or the session has ended. */
  readonly fromGeneration: number
  /** `fromGeneration + 1`, or further where the store had lost writes. */
  readonly toGeneration: number
  readonly at: number
  readonly sealedMember: string | null
}

/** One or more sessions of a member to end. */
export interface EndAll {
  readonly memberId: string
  readonly reason: SessionEndReason
  readonly at: number
  /** Member JWTs issued at or before this second are refused from now on; absent: sign-ins stay possible. */
  readonly refuseSignInsIssuedUntil?: number
}

/**
 * What rotation and revocation need from a store. Every method is one atomic step; a store that cannot
 * answer rejects with `AUTH_UNAVAILABLE`, having changed nothing or all of it. Instants are kept in whole seconds:
 * whoever stores one cuts its fraction off.
 */
export interface SessionStore {
  /** Keeps a new session, unless the member JWT it came from (issued at `signInIssuedAt`) is refused by now. */
  create(session: Session, signInIssuedAt: number): Promise<'created' | 'refused'>

  /** The session, ended ones included until they are swept. */
  read(id: string): Promise<Session | null>

  /**
   * The compare-and-set of a rotation. Applies only while the store still holds `fromGeneration` and the session is
   * live at `at`: then `generation` becomes `toGeneration`, `confirmedAt` null, `previousConfirmedAt` the instant at
   * which `toGeneration - 1` was first seen (`confirmedAt` as it stood if that was `toGeneration - 1`'s, else `at`),
   * `lastUsedAt` `at`. A null `sealedMember` leaves the kept one as it is.
   * Returns whether it applied, and the session as it now stands (null when it is gone).
   */
  advance(change: Advance): Promise<{ readonly applied: boolean; readonly session: Session | null }>

  /**
   * Notes the first use of a generation; later ones change nothing. A generation ahead of the store proves that the
   * store lost writes: it is caught up, with `lastUsedAt` `at`, since what the store knew is older than the use, and
   * `previousConfirmedAt` as at an advance. An ended or unknown session is left alone.
   */
  confirm(id: string, generation: number, at: number): Promise<void>

  /** Ends one session; false when it was unknown or had ended before. */
  end(id: string, reason: SessionEndReason, at: number): Promise<boolean>

  /** Ends all sessions of a member and returns the ids of those that were live. */
  endAllOf(request: EndAll): Promise<readonly string[]>

  /** The live sessions of a member, newest first. */
  listOf(memberId: string, at: number): Promise<readonly Session[]>

  /** Every session ended at or after this second. */
  endedSince(at: number): Promise<readonly EndedSession[]>

  /**
   * Tells of sessions ended from now on, by this process or another, until the returned function is called.
   * `resync` means that some may have been missed: call `endedSince` again (and write back what is known).
   */
  watchEnded(listener: (news: readonly EndedSession[] | 'resync') => void): () => void

  /** Ends again what this instance knows to have ended (after a failover); ids it does not know stay known as ended. */
  restoreEnded(ended: readonly EndedSession[]): Promise<void>
}
