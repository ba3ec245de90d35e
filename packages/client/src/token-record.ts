/** A session as the tabs store it and send it to each other. Without an access token it is signed out. */
export interface TokenRecord {
  /** Orders records: the session's number times a million, plus the number of its refreshes. */
  readonly seq: number
  readonly accessToken?: string | undefined
  readonly refreshToken?: string | undefined
  /** The service's clock minus this machine's, in seconds. */
  readonly offsetSeconds: number
  /** `iat` of the member JWT that the session came from, or that was there when it ended, in seconds. */
  readonly memberIssuedAt?: number | undefined
  /** Signed out, but the service does not know yet: its cookie may still be valid. */
  readonly untold?: boolean
  /** The reason for the end of the session: code and status. */
  readonly error?: readonly [code: string, status: number] | undefined
}

/** A change of the session. */
export type SessionEvent = 'signed-in' | 'refreshed' | 'stale' | 'signed-out'

const perSession = 1e6

/** Returns the sequence number of the next session's first record; `now` in seconds. Numbers only grow. */
export function nextSession(seq: number, now: number): number {
  return Math.max(Math.floor(now), Math.floor(seq / perSession) + 1) * perSession
}

/**
 * Returns the sequence number of a sign-out; `now` in seconds. It is the last number of a session of its own, so it is
 * newer than the result of any refresh or sign-in that is under way in any tab.
 */
export function signOutSeq(seq: number, now: number): number {
  return nextSession(seq, now) + perSession - 1
}

/**
 * Returns true if `a` replaces `b`. Two records made without a lock can have one number: all tabs then choose the same
 * of the two, and a sign-out before any token.
 */
export function isNewer(a: TokenRecord, b: TokenRecord): boolean {
  // A missing token compares as 'undefined', which sorts after every JWT ('ey…').
  return a.seq > b.seq || (a.seq === b.seq && String(a.accessToken) > String(b.accessToken))
}

/** Returns the event of a tab that held `before` and adopts `after`. */
export function eventOf(before: TokenRecord, after: TokenRecord): SessionEvent {
  if (!after.accessToken) return 'signed-out'
  const sameSession = Math.floor(before.seq / perSession) === Math.floor(after.seq / perSession)
  return sameSession && before.accessToken ? 'refreshed' : 'signed-in'
}
