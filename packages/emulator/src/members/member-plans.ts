import { ApiError } from '../api-error.js'
import { planEvent } from './member-events.js'
import { getMember, type MemberWorld } from './member-lookup.js'
import type { MemberRecord, PlanConnection } from './member.js'
import type { Plan } from './plan-catalog.js'
import { randomId } from './random-id.js'

/** What may be changed about a plan connection. */
export interface PlanChanges {
  readonly active?: boolean | undefined
  /** `ACTIVE`, `CANCELED`, `PAST_DUE` … */
  readonly status?: string | undefined
}

/** A new, active connection to a plan. */
export const connectionTo = (plan: Plan): PlanConnection => ({
  id: randomId('con'),
  active: true,
  status: 'ACTIVE',
  planId: plan.id,
  planName: plan.name,
  type: plan.price === 'free' ? 'FREE' : 'SUBSCRIPTION',
  payment: null,
})

function connectionOf(member: MemberRecord, planId: string): PlanConnection {
  const connection = member.planConnections.find((held) => held.planId === planId)
  if (connection) return connection
  throw new ApiError(400, 'no-plan-found', 'The member does not have this plan.')
}

/**
 * Gives the member a plan and tells of it.
 * @throws {@link ApiError} `already-have-plan` · `generic-message`: no such member.
 */
export function addPlan(world: MemberWorld, idOrEmail: string, plan: Plan): MemberRecord {
  const member = getMember(world.table, idOrEmail)
  if (member.planConnections.some((held) => held.planId === plan.id)) {
    throw new ApiError(400, 'already-have-plan', 'This member already has this plan.')
  }
  const connection = connectionTo(plan)
  const planConnections = [...member.planConnections, connection]
  const changed = world.table.keep({ ...member, planConnections })
  world.onEvent(planEvent('member.plan.created', changed, connection))
  return changed
}

/** What to do to which plan of which member. */
export interface PlanUpdate {
  readonly idOrEmail: string
  readonly planId: string
  readonly changes: PlanChanges
}

/**
 * Changes a plan connection, as a payment that failed would, and tells of it.
 * @throws {@link ApiError} `no-plan-found` · `generic-message`: no such member.
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
  const changed = world.table.keep({ ...member, planConnections })
  world.onEvent(planEvent('member.plan.updated', changed, connection))
  return changed
}

/**
 * Takes a plan from the member and tells of it.
 * @throws {@link ApiError} `no-plan-found` · `generic-message`: no such member.
 */
export function removePlan(world: MemberWorld, idOrEmail: string, planId: string): MemberRecord {
  const member = getMember(world.table, idOrEmail)
  const connection = connectionOf(member, planId)
  const planConnections = member.planConnections.filter((held) => held !== connection)
  const changed = world.table.keep({ ...member, planConnections })
  const canceled = { ...connection, active: false, status: 'CANCELED' }
  world.onEvent(planEvent('member.plan.canceled', changed, canceled))
  return changed
}
