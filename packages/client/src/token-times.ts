import { orUndefined } from './or-undefined.js'

/** The claims that the client reads in an access token or a member JWT. It does not verify them; the service does. */
export interface TokenTimes {
  /** `iat`, in seconds since the epoch; `NaN` if `iat` or `exp` is missing. */
  readonly issuedAt: number
  /** `min(exp, iat + 3600)`, in seconds since the epoch; `NaN` if `iat` or `exp` is missing. */
  readonly expiresAt: number
  /** The member: `sub` of an access token, `id` of a member JWT. */
  readonly userId: string | null
  /** The session of an access token, if it names one. */
  readonly sid?: string | undefined
}

/** The claims, not checked. */
interface Claims {
  readonly iat?: number
  readonly exp?: number
  readonly sub?: string | null
  readonly id?: string | null
  readonly sid?: string
  readonly email?: unknown
  readonly roles?: unknown
  readonly cnf?: { readonly jkt?: unknown } | null
}

/** The member as the access token describes it. */
export interface SessionUser {
  readonly userId: string
  readonly email: string
  readonly roles: readonly string[]
}

/** Decodes the claims of a JWT without verifying it. Returns an empty object if it is unreadable. */
function readClaims(token: string | undefined): Claims {
  const decode = (): Claims | null => {
    const base64 = `${token}`.split('.')[1]?.replace(/-/g, '+').replace(/_/g, '/') ?? ''
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
    return JSON.parse(new TextDecoder().decode(bytes))
  }
  return orUndefined(decode) ?? {}
}

/** Reads a token (RFC 7519 §4.1). The times are `NaN` if it is unreadable or has no `exp` or no `iat`. */
export function readToken(token: string | undefined): TokenTimes {
  const { iat = NaN, exp = NaN, id = null, sub = id, sid } = readClaims(token)
  // If one of the two is not a number, `iat` is null, the sum is not finite, or `expiresAt` is 0.
  const issuedAt = iat && Number.isFinite(iat + exp) ? iat : NaN
  return { issuedAt, expiresAt: Math.min(exp, issuedAt + 3600), userId: sub, sid }
}

/** Returns the member of an access token; null if the token does not have all three claims (forward mode). */
export function readUser(token: string | undefined): SessionUser | null {
  const { sub, email, roles } = readClaims(token)
  if (!sub || typeof email !== 'string' || !Array.isArray(roles)) return null
  return Object.freeze({ userId: sub, email, roles })
}

/** Returns the thumbprint of the key that an access token is bound to (RFC 9449 §6.1); undefined if it is not bound. */
export function readThumbprint(token: string | undefined): string | undefined {
  const jkt = readClaims(token).cnf?.jkt
  return typeof jkt === 'string' ? jkt : undefined
}

/** Returns true if `a` is of an older access token than `b`, of the same member and session. */
export function isOlder(a: TokenTimes, b: TokenTimes): boolean {
  return a.userId === b.userId && a.sid === b.sid && a.issuedAt < b.issuedAt
}

/** Returns true if a token expires within `windowSeconds` of `now` (seconds since the epoch), or has no times. */
export function endsWithin(times: TokenTimes, windowSeconds: number, now: number): boolean {
  return !(now < times.expiresAt - windowSeconds)
}

/**
 * Returns true if an access token expires within `windowSeconds` by this machine's clock, is unreadable, or has no `exp`
 * or no `iat`. A token expires at `min(exp, iat + 3600 s)`, whoever issued it.
 */
export function isTokenExpiringSoon(token: string, windowSeconds = 300): boolean {
  return endsWithin(readToken(token), windowSeconds, Date.now() / 1000)
}

/** Returns the number of seconds before expiry at which a token is refreshed: at most half its life. */
export function refreshWindow(times: TokenTimes, beforeExpirySeconds: number): number {
  return Math.min(beforeExpirySeconds, (times.expiresAt - times.issuedAt) / 2)
}

/** Returns the time before which a token received at `now` is not refreshed again, even if it was old when it came. */
export function calmEnd(times: TokenTimes, now: number): number {
  return now + Math.max(1, Math.min(10, (times.expiresAt - now) / 2))
}

/** Returns the back-off after the given number of failures, in seconds: full jitter, with a cap that grows from 1 s to 60 s. */
export function backOff(failures: number, random: number): number {
  return random * Math.min(60, 2 ** failures)
}

/**
 * Returns the service's time at which a token came, in seconds since the epoch: the answer's `Date`, or `iat` if `date` is
 * `NaN` (not readable), before the token was issued, or after it expired.
 */
export function serverTimeAt(times: TokenTimes, date: number): number {
  // A Date has whole seconds, and may be a moment older than the token.
  return date > times.issuedAt - 5 && date < times.expiresAt ? date : times.issuedAt
}

/**
 * Returns the service's time at which a stored token is adopted; `now` uses the offset stored with it. If that is before the
 * token was issued, the wall clock was set back since, and the token's age is not known: it counts as expired, which costs
 * one refresh.
 */
export function timeTakenUp(times: TokenTimes, now: number): number {
  return now < times.issuedAt - 5 ? times.expiresAt : now
}
