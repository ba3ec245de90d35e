import type { Clock } from '../base/time.js'
import { failure } from '../base/failures.js'
import type { ExpireTokens, Page, Session, SessionEnder, SessionStore } from '../sessions/index.js'
import type {
  AdminApi,
  Member,
  MemberChanges,
  Membership,
  MemberNews,
  UserContext,
} from '../members/index.js'
import type { Telemetry } from '../telemetry/index.js'
import { webhookEventFrom, type WebhookEvent } from './webhook-event.js'
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
  readonly membership: Pick<Membership, 'hasRequiredPlan' | 'remember' | 'issuedFrom'>
  readonly userContext: Pick<UserContext, 'knows' | 'remember'>
  readonly changes: Pick<MemberChanges, 'report' | 'readAt' | 'isOutdated'>
  readonly expireTokens: ExpireTokens
  /** The life of an access token, in seconds. */
  readonly accessTokenTtlSeconds: number
  readonly telemetry: Pick<Telemetry, 'observe'>
  readonly clock: Clock
}

/** The same wait for the quota as at a sign-in. Together with the answer it is below the 15 s that Svix waits. */
const waitSeconds = 5

/** Svix repeats a message without an answer for about a day. A message that is forgotten too early costs one call. */
const rememberSeconds = 2 * 86_400

/**
 * Creates the receiver of webhooks. `member.deleted` is believed; every other event about a member is a hint to read that
 * member again. If roles or plans have changed, access tokens from before the change expire at once. A message counts as done only after its work, so that a crash in between causes a repetition and loses no
 * event. The work may be repeated.
 * @throws TypeError if the secret is not valid
 */
export function createWebhooks(options: WebhooksOptions): Webhooks {
  const { webhookLog, clock } = options
  const checkSignature = createSignatureCheck(options.secret, clock)
  const reportUnknown = createUnknownReport(options)
  return {
    async receive(delivery, requestId) {
      const messageId = checkSignature(delivery)
      const event = webhookEventFrom(delivery.rawBody)
      if (event.kind === 'changed') {
        reportUnknown(event)
        if (event.memberIds.length === 0) return
      }
      if (await webhookLog.isDone(messageId)) return
      if (event.kind === 'deleted') await endDeleted(event.memberId, requestId, options)
      else for (const memberId of event.memberIds) await readAgain(memberId, requestId, options)
      await webhookLog.markDone(messageId, clock() + rememberSeconds)
    },
  }
}

async function endDeleted(memberId: string, requestId: string, options: WebhooksOptions): Promise<void> {
  remember(memberId, { kind: 'deleted' }, options)
  await options.ender.endAllOf({ memberId, reason: 'member_deleted', requestId, earlierSignIns: 'refused' })
}

async function readAgain(memberId: string, requestId: string, options: WebhooksOptions): Promise<void> {
  const { clock, changes, membership } = options
  const page = await options.sessions.list({ memberId, at: clock(), limit: pageSize })
  // Of interest are members that are known here: an import of a hundred thousand must not use up the quota of refreshes.
  if (page.sessions.length === 0 && page.next === null && !options.userContext.knows(memberId)) return
  changes.report(memberId)
  // A call under way may have been answered before the change.
  const reading = await options.admin.readMember(memberId, { waitSeconds, requestId, joins: 'none' })
  if (reading.kind === 'unavailable') {
    const { retryAfterSeconds } = reading
    throw failure('memberstackUnavailable', { retryAfterSeconds })
  }
  if (reading.kind === 'deleted') return await endDeleted(memberId, requestId, options)
  const { member } = reading
  if (!membership.hasRequiredPlan(member)) {
    remember(memberId, reading, options)
    await options.ender.endAllOf({ memberId, reason: 'plan_lost', requestId })
    return
  }
  const isChanged = await haveOutdatedTokens(page, member, options)
  const readAt = isChanged ? await options.expireTokens(memberId) : changes.readAt(memberId, reading.readAt)
  remember(memberId, { ...reading, readAt }, options)
}

/** Sessions are read page by page. After so many pages a change is assumed, so that no webhook takes for ever. */
const pageSize = 100
const mostPages = 20

/** Returns true if one of the sessions on this page or a later one has such tokens. */
async function haveOutdatedTokens(
  first: Page<Session>,
  member: Member,
  options: WebhooksOptions,
): Promise<boolean> {
  let page = first
  for (let pages = 1; pages <= mostPages; pages++) {
    if (page.sessions.some((session) => hasOutdatedTokens(session, member, options))) return true
    if (page.next === null) return false
    const request = { memberId: member.userId, at: options.clock(), limit: pageSize, after: page.next }
    page = await options.sessions.list(request)
  }
  return true
}

/**
 * Returns true if access tokens of a session may be in use that were issued from other roles or plans than the member has
 * now. Tokens from before an earlier change have expired. What a session was issued from is not known if it was too large.
 */
function hasOutdatedTokens(
  { memberId, lastUsedAt, sealedMember }: Session,
  member: Member,
  { membership, changes, accessTokenTtlSeconds, clock }: WebhooksOptions,
): boolean {
  // The tokens of a session without a refresh for so long have all expired.
  if (clock() >= lastUsedAt + accessTokenTtlSeconds + clockDifferenceSeconds) return false
  const issued = membership.issuedFrom(memberId, sealedMember)
  if (issued.length === 0) return true
  return issued.some((from) => !changes.isOutdated(memberId, from.readAt) && !isSame(from.member, member))
}

/** Sessions are used by instances whose clocks differ. */
const clockDifferenceSeconds = 60

function isSame(one: Member, other: Member): boolean {
  return isSameSet(one.roles, other.roles) && isSameSet(one.activePlanIds, other.activePlanIds)
}

function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  const all = new Set([...one, ...other]).size
  return all === new Set(one).size && all === new Set(other).size
}

/** Reports each kind of event that is not known once. Events come from Memberstack alone, and their kinds are few. */
function createUnknownReport({ telemetry }: WebhooksOptions) {
  const reported = new Set<string>()
  return ({ unknownName, memberIds }: Extract<WebhookEvent, { kind: 'changed' }>): void => {
    if (unknownName === undefined || reported.has(unknownName) || reported.size >= mostKinds) return
    reported.add(unknownName)
    const taken = memberIds.length > 0 ? 'hint' : 'ignored'
    telemetry.observe?.({ kind: 'webhook_not_understood', webhookEvent: unknownName, taken })
  }
}

/** Bounds the memory for kinds of events. */
const mostKinds = 100

function remember(memberId: string, news: MemberNews, { membership, userContext }: WebhooksOptions): void {
  membership.remember(memberId, news)
  userContext.remember(memberId, news)
}
