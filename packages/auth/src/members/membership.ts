import type { QuotaCaller } from './admin-quota.js'
import type { Member, AdminApi } from './member.js'
import { field, isJsonObject, isStringList, parseJsonObject } from '../base/json.js'
import type { Secrets } from '../base/secrets.js'
import type { Clock } from '../base/time.js'
import { createBoundedMap } from '../base/bounded-map.js'
import type { MemberNews } from './user-cache.js'
import type { UserContext } from './user-context.js'
import { createMemberChanges, type MemberChanges } from './member-changes.js'

/** The answer to the question if a member may have a session now. */
export type Standing =
  | {
      readonly kind: 'member'
      readonly member: Member
      /** The time at which the member was read, in seconds, as `MemberChanges.readAt` gives it. */
      readonly readAt: number
      /** To be kept with the session; null when too large to keep. */
      readonly sealedMember: string | null
    }
  | { readonly kind: 'deleted' | 'plan_lost' }
  | { readonly kind: 'unavailable'; readonly retryAfterSeconds: number }

/** Asks the admin API, or falls back on what is known from before, within its bound. */
export interface MembershipCheck {
  check(
    memberId: string,
    options: {
      /** The longest to wait for a place in the quota, in seconds. */
      readonly waitSeconds: number
      /** The member as the session keeps it, sealed; null if it keeps nothing. */
      readonly sealedMember: string | null
      readonly requestId?: string
      /** The party that waits for the place. @defaultValue a refresh */
      readonly caller?: QuotaCaller | undefined
    },
  ): Promise<Standing>
  /**
   * Returns the member as last known, from the newer of memory and `sealedMember`; null if nothing is known, it is older than
   * a change that a webhook reported, or the member has none of the required plans. Nothing is asked.
   */
  lastKnown(memberId: string, sealedMember: string | null): Snapshot | null
  /** Returns false if what was read at this instant is older than a change that a webhook reported. */
  mayServe(memberId: string, readAt: number): boolean
}

/** A member as last read, and when (seconds). */
export interface Snapshot {
  readonly member: Member
  readonly readAt: number
}

/** Longer snapshots are not kept: every session would carry one. In characters, sealed. */
const longestSealed = 8192

/** The snapshot as it is kept with a session, or null when it would be too large. Bound to its member. */
export function sealSnapshot(secrets: Secrets, { member, readAt }: Snapshot): string | null {
  const text = JSON.stringify({ member, readAt })
  if (text.length > longestSealed) return null
  const sealed = secrets.seal('member', member.userId, text)
  return sealed.length > longestSealed ? null : sealed
}

/** The snapshot, or null when no secret opens it, it is another member's, or an older release wrote it otherwise. */
export function unsealSnapshot(secrets: Secrets, memberId: string, sealed: string): Snapshot | null {
  const text = secrets.unseal('member', memberId, sealed)
  const json = text === null ? null : parseJsonObject(text)
  const member = memberIn(field(json, 'member'), memberId)
  const readAt = field(json, 'readAt')
  return member && typeof readAt === 'number' ? { member, readAt } : null
}

function memberIn(value: unknown, memberId: string): Member | null {
  if (!isJsonObject(value) || value['userId'] !== memberId) return null
  const { email, roles, customFields, activePlanIds, emailVerified } = value
  if (typeof email !== 'string' || !isStringList(roles)) return null
  if (!isJsonObject(customFields) || !isStringList(activePlanIds)) return null
  const member = { userId: memberId, email, roles, customFields, activePlanIds }
  return typeof emailVerified === 'boolean' ? { ...member, emailVerified } : member
}

/** Decides if a member may have a session, at every sign-in and refresh. */
export interface Membership extends MembershipCheck {
  /** Returns true if the member has one of the required plans, or no plan is required. */
  hasRequiredPlan(member: Member): boolean
  /** Takes an answer that other code has read, unless a newer one is kept. */
  remember(memberId: string, news: MemberNews): void
  /**
   * Returns what the access tokens of a session may have been issued from: the member as the session keeps it, and a newer
   * reading in memory, which a replay may have used. Empty if the session keeps nothing that can be opened.
   */
  issuedFrom(memberId: string, sealedMember: string | null): readonly Snapshot[]
}

/** Options of {@link createMembership}. */
export interface MembershipOptions {
  readonly admin: Pick<AdminApi, 'readMember'>
  readonly secrets: Secrets
  readonly clock: Clock
  /** Members need one of these plans active; none: every member will do. */
  readonly requiredPlans: readonly string[]
  /** The time for which the last known answer is used while the admin API is down, in seconds. */
  readonly staleSeconds: number
  /** Called when a member is served from an older answer. */
  readonly onStale?: (() => void) | undefined
  /** Gets every answer, so that it need not ask again. */
  readonly userContext?: Pick<UserContext, 'remember'> | undefined
  /** Changes that webhooks reported. What was read before them is not used. @defaultValue none */
  readonly changes?: MemberChanges | undefined
  /** The least number of members kept in memory; twice as many at most. @defaultValue 10000 */
  readonly maxEntries?: number | undefined
}

/**
 * Creates the membership check. It asks the admin API each time. While the API is down it uses the newer of two answers:
 * the one in memory, or the one sealed into the session, which survives restarts and is available on every instance.
 */
export function createMembership(options: MembershipOptions): Membership {
  const { admin, secrets, clock, requiredPlans, staleSeconds, userContext, maxEntries = 10_000 } = options
  const { changes = createMemberChanges(clock) } = options
  const lastKnown = createLastKnown(secrets, maxEntries)
  const readCurrent = createCurrentReading(admin, changes)
  const required = new Set(requiredPlans)
  const hasRequiredPlan = (member: Member) =>
    required.size === 0 || member.activePlanIds.some((planId) => required.has(planId))

  /**
   * An old answer can only admit a member. If it shows no required plan (the setting may be newer than the session), the
   * member is not admitted, but nothing is ended either: the caller is asked to try again.
   */
  function standingWithoutAnswer(snapshot: Snapshot | null, retryAfterSeconds: number): Standing {
    const isUsable = snapshot && clock() < snapshot.readAt + staleSeconds && hasRequiredPlan(snapshot.member)
    if (!isUsable || !changes.mayServe(snapshot.member.userId, snapshot.readAt))
      return { kind: 'unavailable', retryAfterSeconds }
    options.onStale?.()
    return { kind: 'member', ...snapshot, sealedMember: null }
  }

  return {
    hasRequiredPlan,
    remember: lastKnown.remember,
    issuedFrom: lastKnown.allOf,
    mayServe: (memberId, readAt) => changes.mayServe(memberId, readAt),
    lastKnown(memberId, sealedMember) {
      const snapshot = lastKnown.of(memberId, sealedMember)
      if (!snapshot || !changes.mayServe(memberId, snapshot.readAt)) return null
      return hasRequiredPlan(snapshot.member) ? snapshot : null
    },
    async check(memberId, { waitSeconds, sealedMember, requestId, caller }) {
      const reading = await readCurrent(memberId, { waitSeconds, requestId, caller })
      if (reading.kind === 'unavailable') {
        return standingWithoutAnswer(lastKnown.of(memberId, sealedMember), reading.retryAfterSeconds)
      }
      lastKnown.remember(memberId, reading)
      userContext?.remember(memberId, reading)
      if (reading.kind === 'deleted') return { kind: 'deleted' }
      if (!hasRequiredPlan(reading.member)) return { kind: 'plan_lost' }
      const { member, readAt } = reading
      return { kind: 'member', member, readAt, sealedMember: sealSnapshot(secrets, reading) }
    },
  }
}

/** Creates the reading of a member. An answer that was under way when a change was reported is too old: it is asked for again. */
function createCurrentReading(
  admin: MembershipOptions['admin'],
  changes: MemberChanges,
): MembershipOptions['admin']['readMember'] {
  return async function read(memberId, asking) {
    const reading = await admin.readMember(memberId, asking)
    if (reading.kind !== 'found') return reading
    const readAt = changes.readAt(memberId, reading.readAt)
    if (asking.joins === 'none' || !changes.isOutdated(memberId, readAt)) return { ...reading, readAt }
    return await read(memberId, { ...asking, joins: 'none' })
  }
}

interface LastKnown {
  readonly remember: (memberId: string, news: MemberNews) => void
  readonly of: (memberId: string, sealedMember: string | null) => Snapshot | null
  /** Returns the sealed one, and the one in memory if it is newer. */
  readonly allOf: (memberId: string, sealedMember: string | null) => readonly Snapshot[]
}

function createLastKnown(secrets: Secrets, maxEntries: number): LastKnown {
  const snapshots = createBoundedMap<Snapshot>(maxEntries)
  const unseal = (memberId: string, sealedMember: string | null) =>
    sealedMember === null ? null : unsealSnapshot(secrets, memberId, sealedMember)
  return {
    remember(memberId, news) {
      const kept = snapshots.get(memberId)
      if (news.kind === 'deleted') snapshots.delete(memberId)
      else if (!kept || kept.readAt <= news.readAt)
        snapshots.set(memberId, { member: news.member, readAt: news.readAt })
    },
    of: (memberId, sealedMember) => {
      const kept = snapshots.get(memberId) ?? null
      const sealed = unseal(memberId, sealedMember)
      if (!kept || !sealed) return kept ?? sealed
      return sealed.readAt > kept.readAt ? sealed : kept
    },
    allOf: (memberId, sealedMember) => {
      const sealed = unseal(memberId, sealedMember)
      if (!sealed) return []
      const kept = snapshots.get(memberId)
      return kept && kept.readAt > sealed.readAt ? [sealed, kept] : [sealed]
    },
  }
}
