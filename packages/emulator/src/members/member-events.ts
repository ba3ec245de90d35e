import { adminView, type MemberRecord, type PlanConnection } from './member.js'

/** The names of the events that are sent as webhooks. A switch renames `member.plan.added` to `member.plan.created`. */
export type MemberEventName =
  | 'member.created'
  | 'member.updated'
  | 'member.deleted'
  | 'member.plan.added'
  | 'member.plan.updated'
  | 'member.plan.canceled'
  | 'team.member.added'
  | 'team.member.removed'

/** An event about a member. */
export interface MemberEvent {
  readonly event: MemberEventName
  readonly payload: object
}

const naming = ({ id, email }: MemberRecord): object => ({ id, auth: { email } })

/** Creates an event whose payload is the whole member. */
export const memberEvent = (
  event: 'member.created' | 'member.updated',
  member: MemberRecord,
): MemberEvent => ({ event, payload: adminView(member) })

/** Creates the event of a deleted member; its payload has only the id. */
export const deletedEvent = (memberId: string): MemberEvent => ({
  event: 'member.deleted',
  payload: { id: memberId },
})

/**
 * Creates an event about a plan connection. The documentation names the member in `id`; webhooks of the real service were
 * seen to name it in `member.id`. The payload has both.
 */
export const planEvent = (
  event: 'member.plan.added' | 'member.plan.updated' | 'member.plan.canceled',
  member: MemberRecord,
  planConnection: PlanConnection,
): MemberEvent => ({ event, payload: { id: member.id, member: naming(member), planConnection } })

/** Creates the event of a new plan connection. */
export const planAddedEvent = (member: MemberRecord, planConnection: PlanConnection): MemberEvent =>
  planEvent('member.plan.added', member, planConnection)

/** Creates an event about a member of a team. The payload is not documented; it names the team, its owner and the member. */
export const teamEvent = (
  event: 'team.member.added' | 'team.member.removed',
  team: { readonly id: string; readonly ownerId: string },
  member: MemberRecord,
): MemberEvent => ({
  event,
  payload: { teamId: team.id, owner: { id: team.ownerId }, member: naming(member) },
})
