import { adminView, type MemberRecord, type PlanConnection } from './member.js'

/** The names of the events that are sent as webhooks. */
export type MemberEventName =
  | 'member.created'
  | 'member.updated'
  | 'member.deleted'
  | 'member.plan.created'
  | 'member.plan.updated'
  | 'member.plan.canceled'

/** An event about a member. */
export interface MemberEvent {
  readonly event: MemberEventName
  readonly payload: object
}

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
  event: 'member.plan.created' | 'member.plan.updated' | 'member.plan.canceled',
  member: MemberRecord,
  planConnection: PlanConnection,
): MemberEvent => ({
  event,
  payload: { id: member.id, member: { id: member.id, auth: { email: member.email } }, planConnection },
})
