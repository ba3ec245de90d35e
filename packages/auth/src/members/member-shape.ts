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

/** The rules by which a member is read. */
export interface MemberRules {
  /** @defaultValue permissions, then the ids of active plans */
  readonly rolesOf: RolesOf
  /** Members need one of these plans. @defaultValue none */
  readonly requiredPlans: readonly string[]
}

/**
 * Reads the member from an answer of the admin API. Returns null if the answer has not the documented form. A member without
 * an e-mail address has the empty text as its `email`.
 */
export function memberFrom(data: unknown, memberId: string, rules: MemberRules): Member | null {
  if (!isJsonObject(data) || data['id'] !== memberId) return null
  const email = emailFrom(data['auth'])
  const permissions = data['permissions']
  const customFields = data['customFields'] ?? {}
  const activePlanIds = activePlansFrom(data['planConnections'], rules.requiredPlans)
  if (email === null || !isStringList(permissions) || !isJsonObject(customFields)) return null
  if (activePlanIds === null) return null
  const roles = rules.rolesOf({ permissions, activePlanIds, customFields })
  const member = { userId: memberId, email, roles, customFields, activePlanIds }
  return typeof data['verified'] === 'boolean' ? { ...member, emailVerified: data['verified'] } : member
}

/** Members who sign in by a provider or a passkey may have no address: `auth` or its `email` is then absent, null or empty. */
function emailFrom(auth: unknown): string | null {
  const email = isJsonObject(auth) ? auth['email'] : auth
  if (email === undefined || email === null) return ''
  return typeof email === 'string' && isJsonObject(auth) ? email : null
}

/**
 * Returns the ids of the active plans. A connection that cannot be read is left out, except where a plan is required and no
 * other connection has one: a plan must not count as lost because of its form. Then it returns null.
 */
function activePlansFrom(connections: unknown, requiredPlans: readonly string[]): readonly string[] | null {
  const readings = Array.isArray(connections) ? connections.map(readConnection) : [null]
  const active = new Set<string>()
  for (const reading of readings) if (reading?.active) active.add(reading.planId)
  const isAllowed = requiredPlans.length === 0 || requiredPlans.some((planId) => active.has(planId))
  return isAllowed || !readings.includes(null) ? [...active] : null
}

/** The statuses of plan connections, in upper case: those of Memberstack, and of Stripe, which it passes on. */
const planStatuses: ReadonlyMap<string, boolean> = new Map([
  ['ACTIVE', true],
  ['TRIALING', true],
  ['PAST_DUE', false],
  ['UNPAID', false],
  ['CANCELED', false],
  ['CANCELLED', false],
  ['REQUIRES_PAYMENT', false],
  ['INCOMPLETE', false],
  ['INCOMPLETE_EXPIRED', false],
  ['EXPIRED', false],
  ['PAUSED', false],
])

function readConnection(connection: unknown): { planId: string; active: boolean } | null {
  if (!isJsonObject(connection)) return null
  const { planId, active, status } = connection
  if (typeof planId !== 'string' || planId === '') return null
  // `active` decides: a cancelled plan stays active until what was paid for has run out, and a plan that is past due for as
  // long as Memberstack lets it. The status counts only where `active` is missing.
  if (typeof active === 'boolean') return { planId, active }
  const isActive = typeof status === 'string' ? planStatuses.get(status.toUpperCase()) : undefined
  return isActive === undefined ? null : { planId, active: isActive }
}

/** A larger number is milliseconds, not seconds. Read as seconds, such an expiry would never come. */
const latestSeconds = 100_000_000_000

/** Reads the claims of a member JWT. Returns null if one is missing, or `type` is there and is not `member`. */
export function memberTokenClaimsFrom(data: unknown): MemberTokenClaims | null {
  if (!isJsonObject(data)) return null
  const { id, type = 'member', iat, exp, aud, iss } = data
  if (!isMemberId(id) || !isInstant(iat) || !isInstant(exp)) return null
  const isAudience = typeof aud === 'string' || isStringList(aud)
  return type === 'member' && isAudience && typeof iss === 'string' ? { id, iat, exp, aud, iss } : null
}

function isInstant(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value < latestSeconds
}
