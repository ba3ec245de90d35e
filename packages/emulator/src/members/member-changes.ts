import { ApiError, badRequest } from '../base/api-errors.js'
import { isoTime } from '../base/clock.js'
import { hashPassword, readEmail } from './credentials.js'
import { deletedEvent, memberEvent, planAddedEvent } from './member-events.js'
import { getMember, type MemberWorld } from './member-table.js'
import { newId, type JsonObject, type MemberRecord, type PlanConnection } from './member.js'
import { connectionTo } from './plan-connections.js'
import type { SeedMember, SeedPlanConnection } from './seed.js'
import { leaveTeams } from './team-changes.js'

/** The fields of a new member. */
export interface NewMember extends SeedMember {
  readonly loginRedirect?: string | undefined
}

/** The changes of a member. `customFields` and `metaData` are merged key by key; every other field is replaced. */
export interface MemberChanges {
  /** Null removes the email address. */
  readonly email?: string | null | undefined
  readonly verified?: boolean | undefined
  readonly permissions?: readonly string[] | undefined
  readonly customFields?: JsonObject | undefined
  readonly metaData?: JsonObject | undefined
  readonly json?: JsonObject | undefined
  readonly loginRedirect?: string | null | undefined
  readonly profileImage?: string | null | undefined
}

function freeEmail(world: MemberWorld, email: string | null, ownId?: string): string | null {
  if (email === null) return null
  const normal = readEmail(email)
  const owner = world.table.byEmail(normal)
  if (!owner || owner.id === ownId) return normal
  throw new ApiError('email-already-in-use')
}

function freeId(world: MemberWorld, id: string = newId('mem')): string {
  if (!world.table.byId(id)) return id
  throw badRequest('A member with this id already exists.')
}

function seedConnection(world: MemberWorld, plan: string | SeedPlanConnection): PlanConnection {
  const { planId, ...changes } = typeof plan === 'string' ? { planId: plan } : plan
  return connectionTo(world.plans.find(planId), changes)
}

const profileOf = (fresh: NewMember) => ({
  verified: fresh.verified ?? false,
  permissions: fresh.permissions ?? [],
  customFields: fresh.customFields ?? {},
  metaData: fresh.metaData ?? {},
  json: fresh.json ?? {},
  loginRedirect: fresh.loginRedirect ?? null,
})

/**
 * Creates a member and sends a webhook for it and for each of its plans.
 * @throws {@link ApiError} `email-already-in-use` · `invalid-email` · `invalid-password-too-short` · `invalid-password` ·
 * `plan-not-found`.
 */
export function createMember(world: MemberWorld, fresh: NewMember): MemberRecord {
  const { password } = fresh
  const connections = (fresh.plans ?? []).map((plan) => seedConnection(world, plan))
  const member = world.table.put({
    id: freeId(world, fresh.id),
    email: freeEmail(world, fresh.email ?? null),
    password: password === undefined ? null : hashPassword(password),
    order: world.table.nextOrder(),
    createdAt: isoTime(world.clock),
    lastLogin: null,
    profileImage: null,
    ...profileOf(fresh),
    planConnections: connections,
  })
  world.onEvent(memberEvent('member.created', member))
  for (const connection of connections) world.onEvent(planAddedEvent(member, connection))
  return member
}

/**
 * Changes a member and sends the webhook.
 * @throws {@link ApiError} `email-already-in-use` · `invalid-email` · `generic-message`: there is no such member.
 */
export function updateMember(world: MemberWorld, idOrEmail: string, changes: MemberChanges): MemberRecord {
  const member = getMember(world.table, idOrEmail)
  const { email, loginRedirect, profileImage } = changes
  const changed = world.table.put({
    ...member,
    email: email === undefined ? member.email : freeEmail(world, email, member.id),
    verified: changes.verified ?? member.verified,
    permissions: changes.permissions ?? member.permissions,
    customFields: { ...member.customFields, ...changes.customFields },
    metaData: { ...member.metaData, ...changes.metaData },
    json: changes.json ?? member.json,
    loginRedirect: loginRedirect === undefined ? member.loginRedirect : loginRedirect,
    profileImage: profileImage === undefined ? member.profileImage : profileImage,
  })
  world.onEvent(memberEvent('member.updated', changed))
  return changed
}

/**
 * Deletes a member, ends its team memberships, sends the webhooks and returns the id.
 * @throws {@link ApiError} `generic-message`: there is no such member.
 */
export function deleteMember(world: MemberWorld, idOrEmail: string): string {
  const member = getMember(world.table, idOrEmail)
  world.table.remove(member)
  leaveTeams(world, member)
  world.onEvent(deletedEvent(member.id))
  return member.id
}
