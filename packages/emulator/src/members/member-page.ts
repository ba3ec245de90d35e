import type { MemberRecord } from './member.js'

/** Which page of members is wanted. */
export interface PageRequest {
  /** How many at most. */
  readonly first: number
  /** The `endCursor` of the page before. */
  readonly after: number | null
  /** By creation. */
  readonly order: 'ASC' | 'DESC'
}

/** One page of members. */
export interface MemberPage {
  readonly members: readonly MemberRecord[]
  readonly totalCount: number
  /** Never null: on an empty page it is the cursor that was asked with, or 0. */
  readonly endCursor: number
  readonly hasNextPage: boolean
}

/** Cuts the page out of all members, which come in the order they were made. */
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
