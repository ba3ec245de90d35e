/** What tabs keep and tell each other about the one session of a browser. Without an access token: signed out. */
export interface TokenRecord {
  /** Which of two records is newer: the session's number times a million, plus how often it was renewed. */
  readonly seq: number
  readonly accessToken?: string | undefined
  readonly refreshToken?: string | undefined
  /** The service's clock minus this machine's, in seconds. */
  readonly offsetSeconds: number
  /** `iat` of the member JWT that the session came from, or that was there when it ended, in seconds. */
  readonly memberIssuedAt?: number | undefined
  /** Signed out, but the service has not heard of it: its cookie may still be good. */
  readonly untold?: boolean
  /** Why the session ended: code and status. */
  readonly error?: readonly [code: string, status: number] | undefined
}

/** What happened to the session. */
export type SessionEvent = 'signed-in' | 'refreshed' | 'stale' | 'signed-out'

const perSession = 1e6

/** The sequence number that the next session's first record gets; `now` in seconds. It only ever grows. */
export function nextSession(seq: number, now: number): number {
  return Math.max(Math.floor(now), Math.floor(seq / perSession) + 1) * perSession
}

/**
 * The sequence number of a sign-out; `now` in seconds. It is the last of a session of its own, so it is newer than
 * whatever a refresh or a sign-in that is still under way, in any tab, will bring.
 */
export function signOutSeq(seq: number, now: number): number {
  return nextSession(seq, now) + perSession - 1
}

/** Whether `a` replaces `b`. Of two with one number (made without a lock) all tabs choose the same; a sign-out wins. */
export function isNewer(a: TokenRecord, b: TokenRecord): boolean {
  // As text, no token is 'undefined', which sorts after every JWT ('ey…').
  return a.seq > b.seq || (a.seq === b.seq && String(a.accessToken) > String(b.accessToken))
}

/** What a tab that held `before` reports when it takes up `after`. */
export function eventOf(before: TokenRecord, after: TokenRecord): SessionEvent {
  if (!after.accessToken) return 'signed-out'
  const sameSession = Math.floor(before.seq / perSession) === Math.floor(after.seq / perSession)
  return sameSession && before.accessToken ? 'refreshed' : 'signed-in'
}
