import { badRequest } from '../api-error.js'
import type { Clock } from '../clock.js'
import type { MemberEvent } from './member-events.js'
import type { MemberTable } from './member-table.js'
import type { MemberRecord } from './member.js'
import type { PlanCatalog } from './plan-catalog.js'

/** What every act on a member works with. */
export interface MemberWorld {
  readonly table: MemberTable
  readonly plans: PlanCatalog
  readonly clock: Clock
  readonly onEvent: (event: MemberEvent) => void
}

/** The member with this id or email, if any. */
export function findMember(table: MemberTable, idOrEmail: string): MemberRecord | null {
  return table.byId(idOrEmail) ?? table.byEmail(idOrEmail.trim().toLowerCase()) ?? null
}

/**
 * The member with this id or email.
 * @throws {@link ApiError} `generic-message`: there is none.
 */
export function getMember(table: MemberTable, idOrEmail: string): MemberRecord {
  const member = findMember(table, idOrEmail)
  if (member) return member
  throw badRequest('There is no member with this identifier.')
}
