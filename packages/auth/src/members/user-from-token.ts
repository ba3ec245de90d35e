import { field, isJsonObject } from '../base/json.js'
import type { VerifiedToken } from '../tokens/index.js'
import type { MemberstackUser } from '../base/member.js'
import { isStringList } from './member-shape.js'

/** The user as far as a token tells; what is missing there, or of the wrong type, is missing here. */
export function claimedUserOf(token: VerifiedToken): Partial<MemberstackUser> & { readonly userId: string } {
  const email = field(token.claims, 'email')
  const roles = field(token.claims, 'roles')
  const customFields = field(token.claims, 'customFields')
  return {
    userId: token.memberId,
    ...(typeof email === 'string' && email !== '' ? { email } : {}),
    ...(isStringList(roles) ? { roles } : {}),
    ...(isJsonObject(customFields) ? { customFields } : {}),
  }
}

/**
 * The user a token holds whole, or null when one of the four fields is missing in it. Frozen throughout, because one
 * object serves all requests that bring this token.
 */
export function userFromToken(token: VerifiedToken): MemberstackUser | null {
  const { userId, email, roles, customFields } = claimedUserOf(token)
  if (email === undefined || roles === undefined || customFields === undefined) return null
  return deepFreeze({ userId, email, roles, customFields })
}

/** Freezes what JSON can hold, however deep it goes. */
export function deepFreeze<T extends object>(value: T): T {
  const open: object[] = [value]
  for (let next = open.pop(); next; next = open.pop()) {
    if (Object.isFrozen(next)) continue
    Object.freeze(next)
    open.push(...Object.values(next).filter((part) => typeof part === 'object' && part !== null))
  }
  return value
}
