/** A session as the tabs store it and send it to each other. Without an access token and a member it is signed out. */
export interface TokenRecord {
  /** Orders records: the session's number times a million, plus the number of its refreshes. */
  readonly seq: number
  readonly accessToken?: string | undefined
  readonly refreshToken?: string | undefined
  /** The member of the access token. Also in a record whose tokens were left out, as it is stored in `cookie` mode. */
  readonly userId?: string | null | undefined
  /** The session as the service names it. It stays in the record of its sign-out, which is delivered later if it fails. */
  readonly sid?: string | undefined
  /** The service's clock minus this machine's, in seconds. */
  readonly offsetSeconds: number
  /** The SDK's member JWT that the session came from. It stays in the record of a sign-out, after which the SDK has it no longer. */
  readonly memberJwt?: MemberJwt | undefined
  /** The member JWT that the SDK held at the last `signOut()`. It must not be used again. */
  readonly usedJwt?: MemberJwt | undefined
  /** Signed out, but the service does not know yet: its cookie may still be valid. */
  readonly untold?: boolean | undefined
  /** The reason for the end of the session: code and status. */
  readonly error?: readonly [code: string, status: number] | undefined
}

/** Identifies a member JWT by its member (null: any) and its `iat`, without being one. */
export type MemberJwt = readonly [userId: string | null, issuedAt: number]

/** A change of the session. */
export type SessionEvent = 'signed-in' | 'refreshed' | 'stale' | 'signed-out'

const perSession = 1e6

/** Returns the session's number. A stored record without tokens is half a step back. */
function sessionOf(seq: number): number {
  return Math.floor((seq + 0.5) / perSession)
}

/** Returns the sequence number of the next session's first record; `now` in seconds. Numbers only grow. */
export function nextSession(seq: number, now = 0): number {
  return Math.max(Math.floor(now), sessionOf(seq) + 1) * perSession
}

/**
 * Returns the last sequence number of a session. It is newer than the result of any refresh of the session, and older than
 * a later sign-in that is under way in any tab.
 */
export function lastOf(seq: number): number {
  return nextSession(seq) - 1
}

/**
 * Returns the sequence number of a sign-out; `now` in seconds. It is the last number of a session of its own, so it is
 * newer than the result of any refresh or sign-in that is under way in any tab.
 */
export function signOutSeq(seq: number, now: number): number {
  return lastOf(nextSession(seq, now))
}

/**
 * Returns true if `a` replaces `b`. Two records made without a lock can have one number: all tabs then choose the same
 * of the two, and a sign-out before any token.
 */
export function isNewer(a: TokenRecord, b: TokenRecord): boolean {
  // A missing token compares as 'undefined', which sorts after every JWT ('ey…').
  return a.seq > b.seq || (a.seq === b.seq && String(a.accessToken) > String(b.accessToken))
}

/** Returns true if the records have the session's number in common. */
export function isSameSession(a: TokenRecord, b: TokenRecord): boolean {
  return sessionOf(a.seq) === sessionOf(b.seq)
}

/** Returns the event of a tab that held `before` and adopts `after`. Another member is never a refresh. */
export function eventOf(before: TokenRecord, after: TokenRecord): SessionEvent {
  if (!after.accessToken) return 'signed-out'
  const isRefresh = before.accessToken && before.userId === after.userId && isSameSession(before, after)
  return isRefresh ? 'refreshed' : 'signed-in'
}
