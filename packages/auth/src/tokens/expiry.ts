import { systemClock, type Clock } from '../base/time.js'
import type { JsonObject } from '../base/json.js'
import { decodeToken } from './decode.js'

/** The longest lifetime of an access token after its `iat`, in seconds, for every issuer. */
export const accessTokenMaxSeconds = 3600

/** The clock tolerance for `nbf` and `iat`, in seconds. Expiry has no tolerance. */
export const clockToleranceSeconds = 5

/** The times of a token, in seconds since the epoch. */
export interface TokenTimes {
  readonly iat: number
  readonly exp: number
  /** `min(exp, iat + 3600)`: the first instant at which it is expired. */
  readonly expiresAt: number
  /** The first instant at which it is valid: the later of `iat` and `nbf`, less the clock tolerance. */
  readonly validFrom: number
}

/** Returns the expiry of an access token, in seconds: `min(exp, iat + 3600)` (RFC 7519 §4.1.4: "on or after"). */
export function accessTokenExpiresAt(claims: { readonly iat: number; readonly exp: number }): number {
  return Math.min(claims.exp, claims.iat + accessTokenMaxSeconds)
}

/** Reads the times of a token; null if `exp` or `iat` is missing, or if one of them or `nbf` is not a finite number. */
export function readTimes(claims: JsonObject): TokenTimes | null {
  const { iat, exp, nbf } = claims
  if (!isInstant(iat) || !isInstant(exp)) return null
  if (nbf !== undefined && !isInstant(nbf)) return null
  const validFrom = Math.max(iat, nbf ?? iat) - clockToleranceSeconds
  return { iat, exp, expiresAt: accessTokenExpiresAt({ iat, exp }), validFrom }
}

/**
 * Returns true if an access token has expired or will expire within `windowSeconds`. It reads only the times and verifies
 * nothing. A token that cannot be read, or has no `exp` or `iat`, counts as expiring.
 * @example
 * if (isTokenExpiringSoon(accessToken)) accessToken = await refresh()
 */
export function isTokenExpiringSoon(token: string, windowSeconds = 300, clock: Clock = systemClock): boolean {
  const decoded = decodeToken(token)
  const times = decoded && readTimes(decoded.claims)
  // The comparison is negated, so a window that is NaN counts as expiring too.
  return !times || !(clock() < times.expiresAt - windowSeconds)
}

/** Returns true for a finite number. JSON has no infinity, but `1e999` parses to it. */
function isInstant(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
