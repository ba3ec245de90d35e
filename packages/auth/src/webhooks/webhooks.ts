import type { Clock } from '../base/time.js'
import { failure } from '../base/failures.js'
import type { SessionEnder, SessionStore } from '../sessions/index.js'
import type { AdminApi, Membership, MemberNews, UserContext } from '../members/index.js'
import { webhookEventFrom } from './webhook-event.js'
import { createSignatureCheck, type WebhookDelivery } from './webhook-signature.js'

/** The ids of webhook messages whose work is done. A store that cannot answer rejects with `AUTH_UNAVAILABLE`. */
export interface WebhookLog {
  isDone(messageId: string): Promise<boolean>
  /** Remembers the id until `forgetAt` (seconds since the epoch) at least. */
  markDone(messageId: string, forgetAt: number): Promise<void>
}

/** Receives Memberstack's webhooks. */
export interface Webhooks {
  /**
   * Resolves when all that follows from it is stored; a replay resolves at once.
   * @throws {@link AuthError} `AUTH_WEBHOOK_INVALID`: not signed for us, too old or too new, or unreadable;
   * `AUTH_UNAVAILABLE`: it could not be stored, or the member not be read. The sender tries again.
   */
  receive(delivery: WebhookDelivery, requestId: string): Promise<void>
}

/** Options of {@link createWebhooks}. */
export interface WebhooksOptions {
  /** `whsec_…` */
  readonly secret: string
  readonly webhookLog: WebhookLog
  readonly sessions: Pick<SessionStore, 'list'>
  readonly ender: Pick<SessionEnder, 'endAllOf'>
  readonly admin: Pick<AdminApi, 'readMember'>
  readonly membership: Pick<Membership, 'hasRequiredPlan' | 'remember'>
  readonly userContext: Pick<UserContext, 'knows' | 'remember'>
  readonly clock: Clock
}

/** The same wait for the quota as at a sign-in. Together with the answer it is below the 15 s that Svix waits. */
const waitSeconds = 5

/** Svix repeats a message without an answer for about a day. A message that is forgotten too early costs one call. */
const rememberSeconds = 2 * 86_400

/**
 * Creates the receiver of webhooks. `member.deleted` is believed; every other event about a member is a hint to read that
 * member again. A message counts as done only after its work, so that a crash in between causes a repetition and loses no
 * event. The work may be repeated.
 * @throws TypeError if the secret is not valid
 */
export function createWebhooks(options: WebhooksOptions): Webhooks {
  const { webhookLog, clock } = options
  const checkSignature = createSignatureCheck(options.secret, clock)
  return {
    async receive(delivery, requestId) {
      const messageId = checkSignature(delivery)
      const event = webhookEventFrom(delivery.rawBody)
      if (event.kind === 'other' || (await webhookLog.isDone(messageId))) return
      if (event.kind === 'deleted') await endDeleted(event.memberId, requestId, options)
      else await readAgain(event.memberId, requestId, options)
      await webhookLog.markDone(messageId, clock() + rememberSeconds)
    },
  }
}

async function endDeleted(memberId: string, requestId: string, options: WebhooksOptions): Promise<void> {
  remember(memberId, { kind: 'deleted' }, options)
  await options.ender.endAllOf({ memberId, reason: 'member_deleted', requestId, earlierSignIns: 'refused' })
}

async function readAgain(memberId: string, requestId: string, options: WebhooksOptions): Promise<void> {
  if (!(await isOfInterest(memberId, options))) return
  // A call under way may have been answered before the change.
  const reading = await options.admin.readMember(memberId, { waitSeconds, requestId, joins: 'none' })
  if (reading.kind === 'unavailable') {
    const { retryAfterSeconds } = reading
    throw failure('memberstackUnavailable', { retryAfterSeconds })
  }
  if (reading.kind === 'deleted') return await endDeleted(memberId, requestId, options)
  remember(memberId, reading, options)
  if (options.membership.hasRequiredPlan(reading.member)) return
  await options.ender.endAllOf({ memberId, reason: 'plan_lost', requestId })
}

/** Returns true if the member is known here: an import of a hundred thousand members must not use up the quota of refreshes. */
async function isOfInterest(
  memberId: string,
  { sessions, userContext, clock }: WebhooksOptions,
): Promise<boolean> {
  if (userContext.knows(memberId)) return true
  const live = await sessions.list({ memberId, at: clock(), limit: 1 })
  return live.sessions.length > 0 || live.next !== null
}

function remember(memberId: string, news: MemberNews, { membership, userContext }: WebhooksOptions): void {
  membership.remember(memberId, news)
  userContext.remember(memberId, news)
}
