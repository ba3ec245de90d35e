import { isJsonObject, isStringList } from '../base/json.js'
import { isMemberId } from '../base/formats.js'
import type { Member, MemberTokenClaims } from './member.js'

/** The facts that roles are made from. */
export interface RoleSource {
  readonly permissions: readonly string[]
  readonly activePlanIds: readonly string[]
  readonly customFields: Readonly<Record<string, unknown>>
}

/** Returns the roles of a member. Memberstack itself has no roles. */
export type RolesOf = (source: RoleSource) => readonly string[]

/** Returns the permissions, then the ids of active plans, each once. */
export const permissionsAndPlans: RolesOf = ({ permissions, activePlanIds }) => [
  ...new Set([...permissions, ...activePlanIds]),
]

/** Reads the member from an answer of the admin API. Returns null if the answer has not the documented form. */
export function memberFrom(data: unknown, memberId: string, rolesOf: RolesOf): Member | null {
  if (!isJsonObject(data) || data['id'] !== memberId) return null
  const email = isJsonObject(data['auth']) ? data['auth']['email'] : undefined
  const permissions = data['permissions']
  const customFields = data['customFields'] ?? {}
  const activePlanIds = activePlansFrom(data['planConnections'])
  if (typeof email !== 'string' || email === '') return null
  if (!isStringList(permissions) || !isJsonObject(customFields) || activePlanIds === null) return null
  const roles = rolesOf({ permissions, activePlanIds, customFields })
  return { userId: memberId, email, roles, customFields, activePlanIds }
}

/** Returns null if a connection cannot be read: a plan must not count as lost because of its form. */
function activePlansFrom(connections: unknown): readonly string[] | null {
  if (!Array.isArray(connections)) return null
  const active = new Set<string>()
  for (const connection of connections) {
    const isActive = isActiveConnection(connection)
    if (isActive === null) return null
    if (isActive.active) active.add(isActive.planId)
  }
  return [...active]
}

function isActiveConnection(connection: unknown): { planId: string; active: boolean } | null {
  if (!isJsonObject(connection)) return null
  const { planId, active, status } = connection
  if (typeof planId !== 'string' || planId === '') return null
  // `active` is the word that counts: a cancelled plan stays active until what was paid for has run out.
  if (typeof active === 'boolean') return { planId, active }
  if (typeof status !== 'string') return null
  return { planId, active: status === 'ACTIVE' || status === 'TRIALING' }
}

/** A larger number is milliseconds, not seconds. Read as seconds, such an expiry would never come. */
const latestSeconds = 100_000_000_000

/** Reads the claims from an answer of `verify-token`. Returns null if one is missing. */
export function memberTokenClaimsFrom(data: unknown): MemberTokenClaims | null {
  if (!isJsonObject(data)) return null
  const { id, type, iat, exp, aud, iss } = data
  if (!isMemberId(id) || !isInstant(iat) || !isInstant(exp)) return null
  if (typeof type !== 'string' || typeof aud !== 'string' || typeof iss !== 'string') return null
  return { id, type, iat, exp, aud, iss }
}

function isInstant(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value < latestSeconds
}
