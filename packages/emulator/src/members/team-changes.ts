import { randomBytes } from 'node:crypto'
import { ApiError, badRequest } from '../base/api-errors.js'
import { teamEvent } from './member-events.js'
import { findMember, getMember, type MemberWorld } from './member-table.js'
import type { MemberRecord } from './member.js'
import { connectionTo } from './plan-connections.js'
import type { Team } from './team-table.js'

/** A team to create. */
export interface NewTeam {
  /** An id or an email address. */
  readonly owner: string
  /** The plan that every member of the team gets. The owner keeps the plans it has. @defaultValue no plan */
  readonly planId?: string | undefined
  /** The highest number of members, the owner included. @defaultValue no limit */
  readonly maxTeamMembers?: number | undefined
}

/** A member of a team in the form of the client API. */
export interface TeamMember {
  readonly role: 'OWNER' | 'MEMBER'
  readonly member: {
    readonly id: string
    readonly auth: { readonly email: string | null }
    readonly profileImage: string | null
  }
}

/** A team in the form of the client API. */
export interface TeamView {
  readonly id: string
  readonly inviteToken: string | null
  readonly maxTeamMembers: number | null
  readonly plan: {
    readonly teamAccountInviteSignupLink: string
    readonly teamAccountUpgradeLink: string
  }
  readonly members: readonly TeamMember[]
}

/** Returns the team in the form of the client API. */
export function teamView({ table }: MemberWorld, team: Team): TeamView {
  const describe = (id: string): readonly TeamMember[] => {
    const member = table.byId(id)
    if (!member) return []
    const { email, profileImage } = member
    const role = id === team.ownerId ? 'OWNER' : 'MEMBER'
    return [{ role, member: { id, auth: { email }, profileImage } }]
  }
  return {
    id: team.id,
    inviteToken: team.inviteToken,
    maxTeamMembers: team.maxTeamMembers,
    plan: { teamAccountInviteSignupLink: '/signup', teamAccountUpgradeLink: '/upgrade' },
    members: [team.ownerId, ...team.memberIds].flatMap(describe),
  }
}

/**
 * Returns the team with this id.
 * @throws {@link ApiError} `generic-message`: there is no such team.
 */
export function getTeam({ teams }: MemberWorld, teamId: string): Team {
  const team = teams.byId(teamId)
  if (team) return team
  throw badRequest('There is no team with this identifier.')
}

/**
 * Creates a team with an owner and no members. Sends no webhook.
 * @throws {@link ApiError} `can-only-have-one-active-team` · `plan-not-found` · `generic-message`: there is no such member.
 */
export function createTeam(world: MemberWorld, { owner, planId, maxTeamMembers }: NewTeam): Team {
  const { id: ownerId } = getMember(world.table, owner)
  if (world.teams.ofMember(ownerId)) throw new ApiError('can-only-have-one-active-team')
  return world.teams.put({
    // A cuid, the form that the SDK documents, has 25 characters.
    id: `c${randomBytes(12).toString('hex')}`,
    ownerId,
    planId: planId === undefined ? null : world.plans.find(planId).id,
    maxTeamMembers: maxTeamMembers ?? null,
    inviteToken: null,
    memberIds: [],
  })
}

/** Replaces the invite token of the team. */
export const renewInviteToken = (world: MemberWorld, team: Team): Team =>
  world.teams.put({ ...team, inviteToken: randomBytes(16).toString('hex') })

/** @throws {@link ApiError} `team-full`. */
export function requireFreeSeat({ maxTeamMembers, memberIds }: Team): void {
  const used = memberIds.length + 1
  if (maxTeamMembers !== null && used >= maxTeamMembers) throw new ApiError('team-full')
}

/**
 * Adds a member to a team, gives it the plan of the team and sends `team.member.added` (no plan event).
 * @throws {@link ApiError} `can-only-have-one-active-team` · `team-full`.
 */
export function joinTeam(world: MemberWorld, team: Team, member: MemberRecord): MemberRecord {
  if (world.teams.ofMember(member.id)) throw new ApiError('can-only-have-one-active-team')
  requireFreeSeat(team)
  const { memberIds, planId } = team
  world.teams.put({ ...team, memberIds: [...memberIds, member.id] })
  const isNew = planId !== null && !member.planConnections.some((held) => held.planId === planId)
  const joined = isNew ? [connectionTo(world.plans.find(planId))] : []
  const planConnections = [...member.planConnections, ...joined]
  const changed = world.table.put({ ...member, planConnections })
  world.onEvent(teamEvent('team.member.added', team, changed))
  return changed
}

function loseTeamPlan(world: MemberWorld, team: Team, member: MemberRecord): void {
  const planConnections = member.planConnections.filter(({ planId }) => planId !== team.planId)
  world.onEvent(teamEvent('team.member.removed', team, world.table.put({ ...member, planConnections })))
}

/**
 * Removes a member from a team, takes the plan of the team from it and sends `team.member.removed` (no plan event).
 * @throws {@link ApiError} `cannot-change-team-account`: it is the owner; `generic-message`: it is not in the team.
 */
export function removeFromTeam(world: MemberWorld, team: Team, member: MemberRecord): void {
  if (member.id === team.ownerId) throw new ApiError('cannot-change-team-account')
  if (!team.memberIds.includes(member.id)) throw badRequest('The member is not in this team.')
  world.teams.put({ ...team, memberIds: team.memberIds.filter((id) => id !== member.id) })
  loseTeamPlan(world, team, member)
}

/** Ends the team membership of a deleted member. The team of a deleted owner ends, and its members lose the plan. */
export function leaveTeams(world: MemberWorld, { id }: MemberRecord): void {
  const team = world.teams.ofMember(id)
  if (!team) return
  if (team.ownerId !== id) {
    world.teams.put({ ...team, memberIds: team.memberIds.filter((memberId) => memberId !== id) })
    return
  }
  world.teams.remove(team)
  for (const memberId of team.memberIds) {
    const member = findMember(world.table, memberId)
    if (member) loseTeamPlan(world, team, member)
  }
}
