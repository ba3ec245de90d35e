import { field, isJsonObject, parseJsonObject } from '../base/json.js'
import type { Secrets } from '../base/secrets.js'
import type { Member } from './member.js'
import { isStringList } from './member-shape.js'

/** A member as last read, and when (seconds). */
export interface Snapshot {
  readonly member: Member
  readonly readAt: number
}

/** Longer snapshots are not kept: every session would carry one. In characters, sealed. */
const longestSealed = 8192

/** The snapshot as it is kept with a session, or null when it would be too large. Bound to its member. */
export function sealSnapshot(secrets: Secrets, { member, readAt }: Snapshot): string | null {
  const text = JSON.stringify({ member, readAt })
  if (text.length > longestSealed) return null
  const sealed = secrets.seal('member', member.userId, text)
  return sealed.length > longestSealed ? null : sealed
}

/** The snapshot, or null when no secret opens it, it is another member's, or an older release wrote it otherwise. */
export function unsealSnapshot(secrets: Secrets, memberId: string, sealed: string): Snapshot | null {
  const text = secrets.unseal('member', memberId, sealed)
  const json = text === null ? null : parseJsonObject(text)
  const member = memberIn(field(json, 'member'), memberId)
  const readAt = field(json, 'readAt')
  return member && typeof readAt === 'number' ? { member, readAt } : null
}

function memberIn(value: unknown, memberId: string): Member | null {
  if (!isJsonObject(value) || value['userId'] !== memberId) return null
  const { email, roles, customFields, activePlanIds } = value
  if (typeof email !== 'string' || !isStringList(roles)) return null
  if (!isJsonObject(customFields) || !isStringList(activePlanIds)) return null
  return { userId: memberId, email, roles, customFields, activePlanIds }
}
