import type { EndedSession, SessionRow, StoredEpoch } from '../../sessions/index.js'
import type { StoredSigningKey } from '../../tokens/index.js'
import type { StoreOwner } from '../store.js'

/** A session with its mark, and the instant up to which sign-ins of its member are refused (0 if there is none). */
export interface MovedSession {
  readonly row: SessionRow
  readonly refusedUntil: number
}

/** The instant up to which sign-ins of a member are refused. */
export interface MovedCutoff {
  readonly memberId: string
  readonly issuedUntil: number
  readonly setAt: number
}

/** A finished webhook message. */
export interface MovedWebhook {
  readonly id: string
  readonly forgetAt: number
}

/** The records of one kind, some at a time. */
export interface Batches<T> {
  readonly batches: AsyncIterable<readonly T[]> | Iterable<readonly T[]>
  /** Returns the number of those that are left behind because they are over, once the others have been read. */
  readonly over: () => number
}

/** A store that no service uses. */
export interface MoveSource {
  readonly owner: StoreOwner
  /** Those of an earlier version included. */
  signingKeys(): Promise<readonly StoredSigningKey[]>
  /** Null if nobody has ended all sessions. */
  epoch(): Promise<StoredEpoch | null>
  endedSessions(now: number): Batches<EndedSession>
  cutoffs(now: number): Batches<MovedCutoff>
  webhooks(now: number): Batches<MovedWebhook>
  sessions(now: number): Batches<MovedSession>
  /** Rejects with one line if a service uses the store. */
  checkUnused(): Promise<void>
  close(): Promise<void>
}
