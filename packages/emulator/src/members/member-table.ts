import { badRequest } from '../base/api-errors.js'
import type { Clock } from '../base/clock.js'
import type { MemberEvent } from './member-events.js'
import type { MemberRecord } from './member.js'
import type { PlanCatalog } from './plan-catalog.js'
import type { TeamTable } from './team-table.js'

/** The members by id and by email address, in the order of their creation. */
export interface MemberTable {
  byId(id: string): MemberRecord | undefined
  /** Takes the address in its normal form. */
  byEmail(email: string): MemberRecord | undefined
  all(): readonly MemberRecord[]
  /** Counts up from 1; no number is used twice. */
  nextOrder(): number
  /** Adds the member, or replaces the one with the same id. */
  put(member: MemberRecord): MemberRecord
  remove(member: MemberRecord): void
  clear(): void
}

/** The parts of the emulator that every operation on a member uses. */
export interface MemberWorld {
  readonly table: MemberTable
  readonly plans: PlanCatalog
  readonly teams: TeamTable
  readonly clock: Clock
  readonly onEvent: (event: MemberEvent) => void
}

/** Creates an empty table. */
export function createMemberTable(): MemberTable {
  const members = new Map<string, MemberRecord>()
  const idByEmail = new Map<string, string>()
  let lastOrder = 0

  const forgetEmail = ({ email }: MemberRecord): void => {
    if (email !== null) idByEmail.delete(email)
  }

  return {
    byId: (id) => members.get(id),
    byEmail: (email) => members.get(idByEmail.get(email) ?? ''),
    all: () => [...members.values()],
    nextOrder: () => ++lastOrder,
    put(member) {
      const before = members.get(member.id)
      if (before) forgetEmail(before)
      members.set(member.id, member)
      if (member.email !== null) idByEmail.set(member.email, member.id)
      return member
    },
    remove(member) {
      members.delete(member.id)
      forgetEmail(member)
    },
    clear() {
      members.clear()
      idByEmail.clear()
      lastOrder = 0
    },
  }
}

/** Returns the form in which email addresses are stored and found: trimmed, lower case. */
export const normalEmail = (email: string): string => email.trim().toLowerCase()

/** The message of Memberstack for an unknown member. */
export const noSuchMember = 'There is no member with this identifier.'

/** Returns the member with this id or email address, or null. */
export function findMember(table: MemberTable, idOrEmail: string): MemberRecord | null {
  return table.byId(idOrEmail) ?? table.byEmail(normalEmail(idOrEmail)) ?? null
}

/**
 * Returns the member with this id or email address.
 * @throws {@link ApiError} `generic-message`: there is no such member.
 */
export function getMember(table: MemberTable, idOrEmail: string): MemberRecord {
  const member = findMember(table, idOrEmail)
  if (member) return member
  throw badRequest(noSuchMember)
}

/** A request for one page of members. */
export interface PageRequest {
  /** The highest number of members on the page. */
  readonly first: number
  /** The `endCursor` of the page before. */
  readonly after: number | null
  /** The order of creation. */
  readonly order: 'ASC' | 'DESC'
}

/** One page of members. */
export interface MemberPage {
  readonly members: readonly MemberRecord[]
  readonly totalCount: number
  /** Never null: an empty page has the cursor of the request, or 0. */
  readonly endCursor: number
  readonly hasNextPage: boolean
}

/** Returns a page of members that are in the order of their creation. */
export function pageOf(members: readonly MemberRecord[], { first, after, order }: PageRequest): MemberPage {
  const ordered = order === 'ASC' ? members : members.toReversed()
  const isBeyond = (member: MemberRecord): boolean =>
    after === null || (order === 'ASC' ? member.order > after : member.order < after)
  const rest = ordered.filter(isBeyond)
  const page = rest.slice(0, first)
  return {
    members: page,
    totalCount: members.length,
    endCursor: page.at(-1)?.order ?? after ?? 0,
    hasNextPage: rest.length > page.length,
  }
}
