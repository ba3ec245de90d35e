import type { Background } from '../base/background.js'
import type { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import type { Reason } from '../base/reasons.js'
import { createSingleFlight } from '../base/single-flight.js'
import type { VerifiedToken } from '../tokens/index.js'
import type { MemberstackUser } from '../base/formats.js'
import type { AdminApi } from './member.js'
import {
  createUserCache,
  type KeptUser,
  type MemberNews,
  type UserCache,
  type UserCacheOptions,
} from './user-cache.js'
import { deepFreeze, field, isJsonObject, isStringList } from '../base/json.js'

/** Finds the user of a token, also of one that does not contain all four fields. */
export interface UserContext {
  /**
   * Returns the user of a member, without a promise if it is known.
   * @throws {@link AuthError} thrown or rejected: `AUTH_USER_CONTEXT_INVALID` (no such member, or nobody to ask),
   * `AUTH_UNAVAILABLE` (no answer, and nothing kept will do).
   */
  contextOf(memberId: string): MemberstackUser | Promise<MemberstackUser>
  /**
   * The user a verified token stands for: its own fields, and what is missing from {@link UserContext.contextOf}. A token
   * that holds all four is never looked up. The same object each time, until what is known of the member changes.
   * @throws {@link AuthError} as `contextOf`
   */
  userOf(token: VerifiedToken): MemberstackUser | Promise<MemberstackUser>
  /** Takes an answer that other code has read, unless a newer one is kept. */
  remember(memberId: string, news: MemberNews): void
  /** Returns true if anything is kept that a change of the member would make wrong. */
  knows(memberId: string): boolean
  /** Drops what is kept, and ignores the answer of a call under way. */
  forget(memberId: string): void
}

/** Options of {@link createUserContext}. Without `admin`, only tokens with all four fields have a user. */
export interface UserContextOptions extends UserCacheOptions {
  /** Gets each renewal that no caller waits for. @defaultValue nobody */
  readonly background?: Background | undefined
  readonly admin?: Pick<AdminApi, 'readMember'> | undefined
  /** Called when a user is served from an older answer. */
  readonly onStale?: (() => void) | undefined
}

/** The longest wait for a place in the quota: with nothing kept, and with an old answer to fall back on. */
const waitSeconds = { cold: 5, stale: 1 } as const

/** After a call without an answer, no call for the same member is made for at most so many seconds. */
const longestPutOffSeconds = 10

/**
 * Creates a {@link UserContext}. It keeps answers for `cacheSeconds`, renews those in use in the background after three
 * quarters of that, and uses older ones only while the admin API is down.
 */
export function createUserContext(options: UserContextOptions): UserContext {
  const { clock, onStale } = options
  const cache = createUserCache(options)
  const questions = createQuestions(options, cache)

  async function load(memberId: string, patience: number): Promise<MemberstackUser> {
    const asked = await questions.ask(memberId, patience)
    if (typeof asked !== 'number') return userIn(asked)
    const kept = cache.get(memberId)
    if (kept && cache.isUsable(kept, clock())) return staleUserIn(kept, onStale)
    throw noAnswer(asked)
  }

  function contextOf(memberId: string): MemberstackUser | Promise<MemberstackUser> {
    const now = clock()
    const kept = cache.get(memberId)
    if (!kept || !cache.isUsable(kept, now)) return load(memberId, waitSeconds.cold)
    const isPutOff = now < kept.putOffUntil
    if (!cache.isFresh(kept, now))
      return isPutOff ? staleUserIn(kept, onStale) : load(memberId, waitSeconds.stale)
    if (now >= kept.renewAt && !isPutOff) questions.renew(memberId)
    return userIn(kept)
  }

  function userOf(token: VerifiedToken): MemberstackUser | Promise<MemberstackUser> {
    const told = tokenUsers.told(token)
    if (told) return told
    const known = contextOf(token.memberId)
    return known instanceof Promise
      ? known.then((user) => tokenUsers.complete(token, user))
      : tokenUsers.complete(token, known)
  }

  return {
    contextOf,
    userOf,
    remember: (memberId, news) => cache.keep(memberId, cache.entryFrom(news)),
    knows: (memberId) => cache.get(memberId) !== undefined || questions.isAsking(memberId),
    forget(memberId) {
      cache.delete(memberId)
      questions.ignore(memberId)
    },
  }
}

/** One question for each member at a time. */
function createQuestions({ admin, clock, background }: UserContextOptions, cache: UserCache) {
  const flights = createSingleFlight<KeptUser | number>()

  function putOff(memberId: string, seconds: number): number {
    const kept = cache.get(memberId)
    if (kept) kept.putOffUntil = clock() + Math.min(seconds, longestPutOffSeconds)
    return seconds
  }

  /** Resolves with the number of seconds to stay away if there is no answer. */
  async function ask(memberId: string, patience: number): Promise<KeptUser | number> {
    if (!admin) throw contextInvalid('no_admin_api')
    const read = async (isAttached: () => boolean) => {
      const reading = await admin.readMember(memberId, { waitSeconds: patience })
      if (reading.kind === 'unavailable') return putOff(memberId, reading.retryAfterSeconds)
      const entry = cache.entryFrom(reading)
      if (isAttached()) cache.keep(memberId, entry)
      return entry
    }
    return flights.run(memberId, read).result
  }

  return {
    ask,
    isAsking: (memberId: string): boolean => flights.current(memberId) !== undefined,
    ignore: (memberId: string): void => flights.detach(memberId),
    renew(memberId: string): void {
      if (flights.current(memberId)) return
      // Whatever went wrong, the next caller after the expiry finds the same trouble, and gets its error.
      const asked = ask(memberId, waitSeconds.stale).catch(() => putOff(memberId, longestPutOffSeconds))
      background?.add(asked)
    },
  }
}

function staleUserIn(kept: KeptUser, onStale: (() => void) | undefined): MemberstackUser {
  onStale?.()
  return userIn(kept)
}

function userIn({ user }: KeptUser): MemberstackUser {
  if (!user) throw contextInvalid('member_deleted')
  return user
}

function noAnswer(retryAfterSeconds: number): AuthError {
  return failure('memberstackUnavailable', { retryAfterSeconds })
}

function contextInvalid(reason: Reason): AuthError {
  return failure('userContextUnknown', { reason })
}

/** The user as far as a token tells; what is missing there, or of the wrong type, is missing here. */
function claimedUserOf(token: VerifiedToken): Partial<MemberstackUser> & { readonly userId: string } {
  const email = field(token.claims, 'email')
  const roles = field(token.claims, 'roles')
  const customFields = field(token.claims, 'customFields')
  return {
    userId: token.memberId,
    // In a token of ours the empty text is the e-mail of a member who has no address.
    ...(typeof email === 'string' && (email !== '' || token.kind === 'own') ? { email } : {}),
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
const tokenUsers: TokenUsers = {
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
