import type { Clock, Ticker } from '../base/time.js'
import type { LimitCounter, LimitPolicy } from '../limits/index.js'
import type { AdminQuota, AdminQuotaOptions } from '../members/index.js'
import type { WebhookLog } from '../webhooks/index.js'
import type { SharedAnswers } from '../refresh/index.js'
import type { Session, SessionRow, SessionRows } from '../sessions/index.js'
import type { ProofLog, SigningKeyStore, StoredSigningKey } from '../tokens/index.js'

/** The clock and the timer of a store, and its name among others on one server. */
export interface StoreOptions {
  readonly clock: Clock
  /** Runs sweeps and polls. @defaultValue the timer of the machine, which keeps no process alive */
  readonly ticker?: Ticker | undefined
  /**
   * The first part of every key in Redis, or the schema in Postgres, so that several deployments share one server. Lower-case letters, digits, `_` and
   * `-`, 40 at most. A SQLite file belongs to one deployment and ignores it. @defaultValue `perennial`
   */
  readonly prefix?: string | undefined
}

/** The prefix of a store that is given none. */
export const defaultStorePrefix = 'perennial'

/** Returns why a prefix is not valid, as the rest of a sentence that its name begins; null if it is valid. */
export function storePrefixProblem(prefix: string): string | null {
  if (/^[a-z][a-z0-9_-]{0,39}$/.test(prefix)) return null
  return 'must begin with a lower-case letter and have only lower-case letters, digits, _ and -, 40 at most'
}

/** The interval at which a store removes what is over, in seconds. */
export const sweepEverySeconds: number = 30

/** The size of a quota of the admin API that instances share. */
export type SharedQuotaLimits = Pick<AdminQuotaOptions, 'perSecond' | 'reserved'>

/**
 * The data that outlives a process, behind one connection. Each room owns the interface of its part. `claimStore` makes it
 * usable: it checks the app and the secret, and puts the marks on session rows.
 */
export interface Store {
  /** The address without user and password, for messages. */
  readonly name: string
  readonly owner: StoreOwner
  readonly sessions: SessionRows
  readonly signingKeys: SigningKeyStore
  readonly webhookLog: WebhookLog
  /** The DPoP proofs that were used; absent if only one process uses the store. */
  readonly usedProofs?: ProofLog
  /** The answers that instances of forward mode share; absent if the store is not shared between machines. */
  readonly sharedAnswers?: SharedAnswers
  /** Limits that all instances count together; absent if each instance counts its own. */
  readonly limiters?: (policy: LimitPolicy) => LimitCounter
  /** Joins the quotas of all instances behind one `egress` address; absent if each instance keeps its own. */
  readonly shareAdminQuota?: (local: AdminQuota, egress: string, limits?: SharedQuotaLimits) => AdminQuota
  /**
   * Returns the time of the store's own clock, in seconds since the epoch. Absent if the clock is that of this machine. Rejects with
   * `AUTH_UNAVAILABLE`.
   */
  readonly readTime?: () => Promise<number>
  /** Rejects with `AUTH_UNAVAILABLE` if the store does not answer or cannot be written. */
  check(): Promise<void>
  close(): Promise<void>
}

/** The app that a store was made for. */
export interface StoreOwner {
  /** Returns the app id; null if no app has claimed the store. Rejects with `AUTH_UNAVAILABLE` if the store does not answer. */
  read(): Promise<string | null>
  /**
   * Makes the store that of an app if no app has claimed it, and returns the app that has it now. If versions of Perennial that
   * had no owners have used the store, their data is taken up first: once, in the step that sets the owner.
   * @throws Error with one line, if instances of such a version still run on the store, or `takeUp` throws it
   */
  claim(appId: string, takeUp: TakeUp): Promise<string>
  /** Returns the signing keys that a version without owners left in the store; empty once the store has an owner. */
  readEarlierKeys(): Promise<readonly StoredSigningKey[]>
}

/** Turns the data of versions without owners into that of this one. */
export interface TakeUp {
  /** Seals the keys anew. An empty list: nothing of the earlier version is taken up. @throws Error with one line */
  readonly signingKeys: (earlier: readonly StoredSigningKey[]) => readonly StoredSigningKey[]
  readonly session: (earlier: Session) => SessionRow
}
