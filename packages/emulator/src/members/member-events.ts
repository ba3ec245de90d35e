import { adminView, type MemberRecord, type PlanConnection } from './member.js'

/** What webhooks tell of. */
export type MemberEventName =
  | 'member.created'
  | 'member.updated'
  | 'member.deleted'
  | 'member.plan.created'
  | 'member.plan.updated'
  | 'member.plan.canceled'

/** Something that happened to a member. */
export interface MemberEvent {
  readonly event: MemberEventName
  readonly payload: object
}

/** The whole member. */
export const memberEvent = (
  event: 'member.created' | 'member.updated',
  member: MemberRecord,
): MemberEvent => ({ event, payload: adminView(member) })

/** The id alone. */
export const deletedEvent = (memberId: string): MemberEvent => ({
  event: 'member.deleted',
  payload: { id: memberId },
})

/**
 * The plan connection and whose it is: the documentation names the member by `id`, deliveries seen in the field by
 * `member`, so both are there.
 */
export const planEvent = (
  event: 'member.plan.created' | 'member.plan.updated' | 'member.plan.canceled',
  member: MemberRecord,
  planConnection: PlanConnection,
): MemberEvent => ({
  event,
  payload: { id: member.id, member: { id: member.id, auth: { email: member.email } }, planConnection },
})
