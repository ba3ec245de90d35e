import { ApiError } from '../base/api-errors.js'
import { planAddedEvent, planEvent } from './member-events.js'
import { getMember, type MemberWorld } from './member-table.js'
import { newId, type MemberRecord, type PlanConnection } from './member.js'
import type { Plan } from './plan-catalog.js'

/** The changes of a plan connection. A field that is not set keeps its value. */
export interface PlanChanges {
  readonly active?: boolean | undefined
  /** Any text. Memberstack uses `ACTIVE`, `TRIALING`, `PAST_DUE`, `UNPAID`, `CANCELED` and `REQUIRES_PAYMENT`. */
  readonly status?: string | undefined
}

/** Creates a connection to a plan. It is active, with the status `ACTIVE`, unless `changes` says otherwise. */
export const connectionTo = (plan: Plan, changes: PlanChanges = {}): PlanConnection => ({
  id: newId('con'),
  active: changes.active ?? true,
  status: changes.status ?? 'ACTIVE',
  planId: plan.id,
  planName: plan.name,
  type: plan.price === 'free' ? 'FREE' : 'SUBSCRIPTION',
  payment: null,
})

function connectionOf(member: MemberRecord, planId: string): PlanConnection {
  const connection = member.planConnections.find((held) => held.planId === planId)
  if (connection) return connection
  throw new ApiError('no-plan-found')
}

/**
 * Adds a plan to the member and sends the webhook.
 * @throws {@link ApiError} `already-have-plan` · `generic-message`: there is no such member.
 */
export function addPlan(
  world: MemberWorld,
  idOrEmail: string,
  { plan, changes }: { readonly plan: Plan; readonly changes?: PlanChanges | undefined },
): MemberRecord {
  const member = getMember(world.table, idOrEmail)
  if (member.planConnections.some((held) => held.planId === plan.id)) throw new ApiError('already-have-plan')
  const connection = connectionTo(plan, changes)
  const planConnections = [...member.planConnections, connection]
  const changed = world.table.put({ ...member, planConnections })
  world.onEvent(planAddedEvent(changed, connection))
  return changed
}

/** A change of one plan connection of one member. */
export interface PlanUpdate {
  readonly idOrEmail: string
  readonly planId: string
  readonly changes: PlanChanges
}

/**
 * Changes a plan connection, as a failed payment does, and sends the webhook.
 * @throws {@link ApiError} `no-plan-found` · `generic-message`: there is no such member.
 */
export function updatePlan(world: MemberWorld, { idOrEmail, planId, changes }: PlanUpdate): MemberRecord {
  const member = getMember(world.table, idOrEmail)
  const before = connectionOf(member, planId)
  const connection = {
    ...before,
    active: changes.active ?? before.active,
    status: changes.status ?? before.status,
  }
  const planConnections = member.planConnections.map((held) => (held === before ? connection : held))
  const changed = world.table.put({ ...member, planConnections })
  world.onEvent(planEvent('member.plan.updated', changed, connection))
  return changed
}

/**
 * Removes a plan from the member and sends the webhook.
 * @throws {@link ApiError} `no-plan-found` · `generic-message`: there is no such member.
 */
export function removePlan(world: MemberWorld, idOrEmail: string, planId: string): MemberRecord {
  const member = getMember(world.table, idOrEmail)
  const connection = connectionOf(member, planId)
  const planConnections = member.planConnections.filter((held) => held !== connection)
  const changed = world.table.put({ ...member, planConnections })
  const canceled = { ...connection, active: false, status: 'CANCELED' }
  world.onEvent(planEvent('member.plan.canceled', changed, canceled))
  return changed
}
