import type { MemberRecord } from './member.js'

/** Members by id and by email, in the order they were made. */
export interface MemberTable {
  byId(id: string): MemberRecord | undefined
  /** The email as stored: trimmed, lower case. */
  byEmail(email: string): MemberRecord | undefined
  all(): readonly MemberRecord[]
  /** Counts up from 1; a number is never given twice. */
  nextOrder(): number
  /** Adds the member, or replaces what was kept under its id. */
  keep(member: MemberRecord): MemberRecord
  remove(member: MemberRecord): void
  clear(): void
}

/** Makes an empty table. */
export function createMemberTable(): MemberTable {
  const members = new Map<string, MemberRecord>()
  const idByEmail = new Map<string, string>()
  let lastOrder = 0

  return {
    byId: (id) => members.get(id),
    byEmail: (email) => members.get(idByEmail.get(email) ?? ''),
    all: () => [...members.values()],
    nextOrder: () => ++lastOrder,
    keep(member) {
      const before = members.get(member.id)
      if (before) idByEmail.delete(before.email)
      members.set(member.id, member)
      idByEmail.set(member.email, member.id)
      return member
    },
    remove(member) {
      members.delete(member.id)
      idByEmail.delete(member.email)
    },
    clear() {
      members.clear()
      idByEmail.clear()
      lastOrder = 0
    },
  }
}
