import type { Limiter, LimitPolicy } from '../limits/index.js'
import type { AdminQuota } from '../members/index.js'
import type { WebhookLog } from '../webhooks/index.js'
import type { SharedAnswers } from '../refresh/index.js'
import type { SessionStore } from '../sessions/index.js'
import type { SigningKeyStore } from '../tokens/index.js'

/** Everything that outlives a process, behind one connection. Each room owns the interface of its part. */
export interface Store {
  readonly sessions: SessionStore
  readonly signingKeys: SigningKeyStore
  readonly webhookLog: WebhookLog
  /** Forward mode across instances; absent where a store is not shared between machines. */
  readonly sharedAnswers?: SharedAnswers
  /** Limits that all instances count together; absent where each counts by itself. */
  readonly limiters?: (policy: LimitPolicy) => Limiter
  /** Makes one quota of those of all instances behind one `egress` address; absent where a process has that to itself. */
  readonly shareAdminQuota?: (local: AdminQuota, egress: string) => AdminQuota
  /** Rejects with `AUTH_UNAVAILABLE` when the store does not answer or cannot be written. */
  check(): Promise<void>
  close(): Promise<void>
}
