import type { Clock, Ticker } from '../base/time.js'
import type { LimitCounter, LimitPolicy } from '../limits/index.js'
import type { AdminQuota } from '../members/index.js'
import type { WebhookLog } from '../webhooks/index.js'
import type { SharedAnswers } from '../refresh/index.js'
import type { SessionStore } from '../sessions/index.js'
import type { SigningKeyStore } from '../tokens/index.js'

/** The clock and the timer of a store. */
export interface StoreOptions {
  readonly clock: Clock
  /** Runs sweeps and polls. @defaultValue the timer of the machine, which keeps no process alive */
  readonly ticker?: Ticker | undefined
}

/** The interval at which a store removes what is over, in seconds. */
export const sweepEverySeconds: number = 30

/** The data that outlives a process, behind one connection. Each room owns the interface of its part. */
export interface Store {
  readonly sessions: SessionStore
  readonly signingKeys: SigningKeyStore
  readonly webhookLog: WebhookLog
  /** The answers that instances of forward mode share; absent if the store is not shared between machines. */
  readonly sharedAnswers?: SharedAnswers
  /** Limits that all instances count together; absent if each instance counts its own. */
  readonly limiters?: (policy: LimitPolicy) => LimitCounter
  /** Joins the quotas of all instances behind one `egress` address; absent if each instance keeps its own. */
  readonly shareAdminQuota?: (local: AdminQuota, egress: string) => AdminQuota
  /** Rejects with `AUTH_UNAVAILABLE` if the store does not answer or cannot be written. */
  check(): Promise<void>
  close(): Promise<void>
}
