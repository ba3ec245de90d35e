import type { Session, SessionEndReason } from './session.js'

/** An entry of the revocation feed. */
export interface EndedSession {
  readonly id: string
  /** Seconds since the epoch. */
  readonly endedAt: number
}

/** The compare-and-set of one rotation. */
export interface Advance {
  readonly id: string
  /** The generation that was read. Nothing is written if the store holds another one. */
  readonly fromGeneration: number
  /** `fromGeneration + 1`, or further where the store had lost writes. */
  readonly toGeneration: number
  readonly at: number
  /** The member as read now, sealed; null keeps the member that the store holds. */
  readonly sealedMember: string | null
}

/** A request to end all sessions of a member. */
export interface EndAll {
  readonly memberId: string
  readonly reason: SessionEndReason
  readonly at: number
  /** Member JWTs issued at or before this second are refused from now on. If absent, none is refused. */
  readonly refuseSignInsIssuedUntil?: number
}

/**
 * The sessions of a store. Every method is one atomic step. A store that cannot answer rejects with `AUTH_UNAVAILABLE`,
 * and has then made all of the change or none of it. The store keeps whole seconds: it cuts off the fraction of an instant.
 */
export interface SessionStore {
  /** Stores a new session, unless sign-ins of its member that were issued at `signInIssuedAt` are refused. */
  create(session: Session, signInIssuedAt: number): Promise<'created' | 'refused'>

  /** Returns a session. One that has ended is returned until it is swept. */
  read(id: string): Promise<Session | null>

  /**
   * Writes what `advanced` of `rotation.ts` returns, if it applies. Returns whether it applied, and the session as it now
   * stands (null if there is none).
   */
  advance(change: Advance): Promise<{ readonly applied: boolean; readonly session: Session | null }>

  /** Writes what `confirmed` of `rotation.ts` returns for the first use of a generation. */
  confirm(id: string, generation: number, at: number): Promise<void>

  /** Ends one session. Returns false if there is none or it had ended before. */
  end(id: string, reason: SessionEndReason, at: number): Promise<boolean>

  /** Ends all sessions of a member and returns the ids of those that were live. */
  endAllOf(request: EndAll): Promise<readonly string[]>

  /** Returns the live sessions of a member, newest first. */
  listOf(memberId: string, at: number): Promise<readonly Session[]>

  /** Returns every session that ended at or after this second. */
  endedSince(at: number): Promise<readonly EndedSession[]>

  /**
   * Calls the listener with the sessions that end from now on, in this process or another, until the returned function is
   * called. `resync` means that some may have been missed: call `endedSince` again, and `restoreEnded` with what is known.
   */
  watchEnded(listener: (news: readonly EndedSession[] | 'resync') => void): () => void

  /** Ends again the sessions that this instance knows to have ended (after a failover), unknown ids included. */
  restoreEnded(ended: readonly EndedSession[]): Promise<void>
}
