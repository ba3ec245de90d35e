import type { FastifyInstance } from 'fastify'
import { badRequest } from '../base/api-errors.js'
import {
  getMember,
  getTeam,
  joinTeam,
  type MemberRecord,
  removeFromTeam,
  renewInviteToken,
  type Team,
  teamView,
} from '../members/index.js'
import type { World } from '../world/index.js'
import { withMember } from './client-session.js'
import { bodyOf, field } from './field-schemas.js'

/**
 * Returns the team of an invite token.
 * @throws {@link ApiError} `generic-message`: there is no such invite.
 */
export function invitedTo({ teams }: World, inviteToken: string): Team {
  const team = teams.byInviteToken(inviteToken)
  if (team) return team
  throw badRequest('The invite token is not valid.')
}

function ownedTeam(world: World, owner: MemberRecord, teamId: string): Team {
  const team = getTeam(world, teamId)
  if (team.ownerId === owner.id) return team
  throw badRequest('Only the owner of the team can do this.')
}

interface TeamBody {
  readonly teamId: string
}

interface RemoveBody extends TeamBody {
  readonly memberId: string
}

function removeMember(world: World, caller: MemberRecord, { teamId, memberId }: RemoveBody): void {
  const team = getTeam(world, teamId)
  if (caller.id !== team.ownerId && caller.id !== memberId) {
    throw badRequest('Only the owner of the team can remove another member.')
  }
  removeFromTeam(world, team, getMember(world.table, memberId))
}

// The SDK documents that joining and removing resolve without data.
const noData = null

/** Adds the team routes of the client API. */
export function registerTeamRoutes(app: FastifyInstance, world: World): void {
  app.post(
    '/member/team/join',
    { schema: bodyOf({ inviteToken: field.text }, ['inviteToken']) },
    withMember<{ Body: { inviteToken: string } }>(world, (member, { body }) => {
      joinTeam(world, invitedTo(world, body.inviteToken), member)
      return noData
    }),
  )
  app.get(
    '/member/team/:teamId',
    withMember<{ Params: TeamBody }>(world, (owner, { params }) => ({
      data: teamView(world, ownedTeam(world, owner, params.teamId)),
    })),
  )
  app.post(
    '/member/team/remove-member',
    { schema: bodyOf({ teamId: field.text, memberId: field.text }, ['teamId', 'memberId']) },
    withMember<{ Body: RemoveBody }>(world, (caller, { body }) => {
      removeMember(world, caller, body)
      return noData
    }),
  )
  app.post(
    '/member/team/generate-invite-link',
    { schema: bodyOf({ teamId: field.text }, ['teamId']) },
    withMember<{ Body: TeamBody }>(world, (owner, { body }) => {
      const { inviteToken } = renewInviteToken(world, ownedTeam(world, owner, body.teamId))
      return { data: { inviteToken } }
    }),
  )
}
