import type { Session, SessionEndReason } from './session.js'

/** An entry of the revocation feed: an ended session, or another change that every instance must know of. */
export interface EndedSession {
  /** The id of the session, or any other text without white space, such as one of `toEpochEntry`. */
  readonly id: string
  /** Seconds since the epoch. */
  readonly endedAt: number
}

/** The facts that a rotation changes. */
export interface Advance {
  /** One more than the generation that was read, or further where the store had lost writes. */
  readonly toGeneration: number
  readonly at: number
  /** The member as read now, sealed; null keeps the member that the session holds. */
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

/** The part of a member's live sessions that a list returns, newest first. */
export interface ListRequest {
  readonly memberId: string
  /** Sessions that have expired by then are left out. */
  readonly at: number
  /** The most sessions to return, from 1. */
  readonly limit: number
  /** `next` of the page before; null or absent for the first page. */
  readonly after?: string | null | undefined
}

/** The sign-in of a session that is to be stored. */
export interface SignIn {
  /** `iat` of the member JWT. */
  readonly issuedAt: number
  /** The most live sessions of the member, the new one included, from 1. */
  readonly mostSessions: number
}

/** The result of storing a new session. */
export type Creation =
  /** `superseded`: the ids of the sessions that ended because the member had too many. */
  | { readonly kind: 'created'; readonly superseded: readonly string[] }
  /** Member JWTs of that second are refused. */
  | { readonly kind: 'refused' }
  /** The store has a later epoch than the session. Nothing was stored. */
  | { readonly kind: 'outdated' }

/** One page of a list. */
export interface Page<T> {
  readonly sessions: readonly T[]
  /** Names the next page; null if this is the last one. */
  readonly next: string | null
}

/** The epoch of a store, and its mark: a MAC of the number under a key that the store does not have. */
export interface StoredEpoch {
  readonly epoch: number
  readonly mark: string
}

/**
 * A session as a store holds it. The mark is a MAC of every field but the two of its end (`session-mark.ts`), under a key
 * that the store does not have.
 */
export interface SessionRow extends Session {
  readonly mark: string
}

/**
 * The sessions of a deployment. A row that carries no mark of its own does not count: `read` and `list` leave it out. Every
 * method rejects with `AUTH_UNAVAILABLE` if the store cannot answer, and has then made all of the change or none of it.
 * Instants are kept in whole seconds: the fraction is cut off.
 */
export interface SessionStore {
  /**
   * Stores a new session. If the member then has more than `mostSessions`, those that were refreshed longest ago end. Sign-ins
   * that race, on this instance or another, are stored one after the other.
   */
  create(session: Session, signIn: SignIn): Promise<Creation>

  /** Returns a session. One that has ended is returned until it is swept. */
  read(id: string): Promise<SessionRow | null>

  /**
   * Writes what `advanced` of `rotation.ts` returns for the session that was read, if the store still holds that one. Returns
   * whether it did, and the session as it now stands (null if there is none).
   */
  advance(
    read: SessionRow,
    change: Advance,
  ): Promise<{ readonly applied: boolean; readonly session: SessionRow | null }>

  /**
   * Writes what `bound` of `rotation.ts` returns, if the store still holds the session that was read. Returns the session as it now
   * stands (null if there is none).
   */
  bind(read: SessionRow, jkt: string): Promise<SessionRow | null>

  /** Writes what `confirmed` of `rotation.ts` returns for the first use of a generation. */
  confirm(id: string, generation: number, at: number): Promise<void>

  /** Ends one session. Returns false if there is none or it had ended before. */
  end(id: string, reason: SessionEndReason, at: number): Promise<boolean>

  /** Ends all sessions of a member, some at a time, and yields the ids of those that were live. */
  endAllOf(request: EndAll): AsyncIterable<readonly string[]>

  /** Returns live sessions of a member, newest first. */
  list(request: ListRequest): Promise<Page<SessionRow>>

  /** Yields every session that ended at or after this second, some at a time. */
  endedSince(at: number): AsyncIterable<readonly EndedSession[]>

  /**
   * Calls the listener with the sessions that end from now on, in this process or another, until the returned function is
   * called. `resync` means that some may have been missed: call `endedSince` again, and `restoreEnded` with what is known.
   */
  watchEnded(listener: (news: readonly EndedSession[] | 'resync') => void): () => void

  /**
   * Calls the listeners of `watchEnded` with what other processes ended since the last call, or since the store was opened. When it
   * resolves, they have been called with every session that had ended before the call.
   */
  syncEnded(): Promise<void>

  /**
   * Ends again the sessions that this instance knows to have ended (after a failover). Entries of unknown ids are added to the
   * feed as well, and reach every instance and every later `endedSince`.
   */
  restoreEnded(ended: readonly EndedSession[]): Promise<void>
}

/**
 * The session rows of one store: what a new store implements. Every method is one atomic step, and can be one statement of SQL.
 * A store neither makes nor checks marks; `createMarkedSessions` builds a {@link SessionStore} on these rows.
 */
export interface SessionRows extends Pick<
  SessionStore,
  'end' | 'endedSince' | 'watchEnded' | 'syncEnded' | 'restoreEnded'
> {
  /**
   * Stores a new row, unless its sign-in is refused or the store has a later epoch. Ends those live rows of the member and
   * epoch that were refreshed longest ago, until `mostSessions` are left with the new one, which stays. Of rows that were refreshed
   * in the same second, the one that was stored first ends first.
   */
  insert(row: SessionRow, signIn: SignIn): Promise<Creation>

  /** Returns a row as it is stored. One that has ended is returned until it is swept. */
  read(id: string): Promise<SessionRow | null>

  /** Returns the epoch of the store; null if it has none. */
  readEpoch(): Promise<StoredEpoch | null>

  /**
   * Replaces the epoch if the mark of the stored one is `expected` (null: there is none), adds the entry of `toEpochEntry` to the
   * feed in the same step, and returns how many rows were live in the one before. Returns null if it replaced nothing.
   */
  replaceEpoch(request: {
    readonly next: StoredEpoch
    readonly expected: string | null
    readonly at: number
  }): Promise<number | null>

  /**
   * Replaces the fields of a row that a rotation, a first use or a binding changes (the mark is one of them) if the stored row has the
   * mark `expected` and has not ended. Returns `replaced`, or the row as it stands (null if there is none).
   */
  replace(row: SessionRow, expected: string): Promise<'replaced' | SessionRow | null>

  /** Refuses member JWTs of this member issued at or before `issuedUntil`. An earlier instant never replaces a later one. */
  refuseSignIns(refusal: {
    readonly memberId: string
    readonly issuedUntil: number
    readonly at: number
  }): Promise<void>

  /** Ends at most `limit` live sessions of a member, in the epoch of the store. Returns the ids, fewer than `limit` if no other is left. */
  endSomeOf(request: {
    readonly memberId: string
    readonly reason: SessionEndReason
    readonly at: number
    readonly limit: number
  }): Promise<readonly string[]>

  /** Returns live rows of a member in the epoch of the store, newest first. */
  list(request: ListRequest): Promise<Page<SessionRow>>
}
