import { deepFreeze, field, isJsonObject, isStringList } from '../base/json.js'
import type { VerifiedToken } from '../tokens/index.js'
import type { MemberstackUser } from '../base/member.js'

/** The user as far as a token tells; what is missing there, or of the wrong type, is missing here. */
function claimedUserOf(token: VerifiedToken): Partial<MemberstackUser> & { readonly userId: string } {
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
function userFromToken(token: VerifiedToken): MemberstackUser | null {
  const { userId, email, roles, customFields } = claimedUserOf(token)
  if (email === undefined || roles === undefined || customFields === undefined) return null
  return deepFreeze({ userId, email, roles, customFields })
}

/** The users of tokens in use: created once, and shared by all requests with the same token. */
export interface TokenUsers {
  /** Returns the user of a token that contains all four fields; null if one is missing. */
  told(token: VerifiedToken): MemberstackUser | null
  /** Returns the fields of a token, and the missing ones from what is known of its member. */
  complete(token: VerifiedToken, known: MemberstackUser): MemberstackUser
}

/** Keeps each user on its token, so that it is dropped with the token. */
export const tokenUsers: TokenUsers = {
  told(token) {
    if (token.user) return token.userFrom === null ? token.user : null
    token.user = userFromToken(token)
    return token.user
  },
  complete(token, known) {
    if (token.user && token.userFrom === known) return token.user
    const user = deepFreeze({ ...known, ...claimedUserOf(token) })
    token.user = user
    token.userFrom = known
    return user
  },
}
