import type { VerifiedToken } from '../tokens/index.js'
import type { MemberstackUser } from '../base/member.js'
import { claimedUserOf, deepFreeze, userFromToken } from './user-from-token.js'

/** The users of tokens in use: put together once, and shared by all requests that bring the same token. */
export interface TokenUsers {
  /** The user a token tells whole; null when one of the four fields is missing in it. */
  told(token: VerifiedToken): MemberstackUser | null
  /** What a token tells, and the rest from what is known of its member. */
  complete(token: VerifiedToken, known: MemberstackUser): MemberstackUser
}

/** A user is kept with its token, and forgotten with it. */
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
