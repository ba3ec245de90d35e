import type { VerifiedToken } from '../tokens/verified-token.js'
import type { MemberstackUser } from './member.js'
import { claimedUserOf, deepFreeze, userFromToken } from './user-from-token.js'

/** The users of tokens in use: put together once, and shared by all requests that bring the same token. */
export interface TokenUsers {
  /** The user a token tells whole; null when one of the four fields is missing in it. */
  told(token: VerifiedToken): MemberstackUser | null
  /** What a token tells, and the rest from what is known of its member. */
  complete(token: VerifiedToken, known: MemberstackUser): MemberstackUser
}

interface Made {
  readonly user: MemberstackUser
  /** What the rest was taken from; null where the token told everything. */
  readonly from: MemberstackUser | null
}

/** Forgets a user with its token. */
export function createTokenUsers(): TokenUsers {
  const made = new WeakMap<VerifiedToken, Made>()
  return {
    told(token) {
      const seen = made.get(token)
      if (seen) return seen.from === null ? seen.user : null
      const user = userFromToken(token)
      if (user) made.set(token, { user, from: null })
      return user
    },
    complete(token, known) {
      const seen = made.get(token)
      if (seen?.from === known) return seen.user
      const user = deepFreeze({ ...known, ...claimedUserOf(token) })
      made.set(token, { user, from: known })
      return user
    },
  }
}
