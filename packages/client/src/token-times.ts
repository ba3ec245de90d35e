import { orUndefined } from './or-undefined.js'

/** What the client reads in an access token or a member JWT. It never verifies one: that is the service's work. */
export interface TokenTimes {
  /** `iat`, in seconds since the epoch; `NaN` where the token has no such times. */
  readonly issuedAt: number
  /** `min(exp, iat + 3600)`, in seconds since the epoch; `NaN` where the token has no such times. */
  readonly expiresAt: number
  /** The member: `sub` of an access token, `id` of a member JWT. */
  readonly userId: string | null
}

/** Claims as they came: nothing in them is certain. */
interface Claims {
  readonly iat?: number
  readonly exp?: number
  readonly sub?: string | null
  readonly id?: string | null
}

/** Reads a token's times (RFC 7519 §4.1). One that is unreadable, or without `exp` or `iat`, has none. */
export function readToken(token: string | undefined): TokenTimes {
  // Names may come out garbled (they are UTF-8, read as Latin-1); times and ids do not.
  const decode = (): Claims | null =>
    JSON.parse(atob(`${token}`.split('.')[1]?.replace(/-/g, '+').replace(/_/g, '/') ?? ''))
  const { iat = NaN, exp = NaN, id = null, sub = id } = orUndefined(decode) ?? {}
  // Anything but two numbers makes no finite number, or one of long ago.
  const issuedAt = Number.isFinite(iat + exp) ? iat : NaN
  return { issuedAt, expiresAt: Math.min(exp, issuedAt + 3600), userId: sub }
}

/** Whether a token ends within `windowSeconds` of `now` (seconds since the epoch); true where it has no times. */
export function endsWithin(times: TokenTimes, windowSeconds: number, now: number): boolean {
  return !(now < times.expiresAt - windowSeconds)
}

/**
 * Whether an access token ends within `windowSeconds` by this machine's clock; true for one that is unreadable, or has
 * no `exp` or no `iat`. A token is taken to end at `min(exp, iat + 3600 s)`, whoever issued it.
 */
export function isTokenExpiringSoon(token: string, windowSeconds = 300): boolean {
  return endsWithin(readToken(token), windowSeconds, Date.now() / 1000)
}

/** Within how many seconds of its end a token is renewed: so long before, but never before half its life. */
export function refreshWindow(times: TokenTimes, beforeExpirySeconds: number): number {
  return Math.min(beforeExpirySeconds, (times.expiresAt - times.issuedAt) / 2)
}

/** Until when a token that came at `now` is not renewed for being old already: it would be, over and over. */
export function calmEnd(times: TokenTimes, now: number): number {
  return now + Math.max(1, Math.min(10, (times.expiresAt - now) / 2))
}

/** How long to wait after the given number of failures, in seconds: full jitter under a cap of 1 s to 60 s. */
export function backOff(failures: number, random: number): number {
  return random * Math.min(60, 2 ** failures)
}

/**
 * What the service's clock said when a token came, in seconds since the epoch: its `Date` where that can be (`NaN` where
 * it cannot be read; not before the token was issued, nor after it ended), else the moment the token was issued.
 */
export function serverTimeAt(times: TokenTimes, date: number): number {
  // A Date is cut to the second, and an answer may be begun a moment before its token is signed.
  return date > times.issuedAt - 5 && date < times.expiresAt ? date : times.issuedAt
}

/**
 * The service's time at which a token is taken up, by the offset stored with it. A time before the token was issued
 * means that the wall clock was set back since: how old the token is cannot be known, so it counts as ended, which costs
 * one refresh.
 */
export function timeTakenUp(times: TokenTimes, now: number): number {
  return now < times.issuedAt - 5 ? times.expiresAt : now
}
