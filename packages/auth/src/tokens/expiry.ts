import { systemClock, type Clock } from '../base/time.js'
import type { JsonObject } from '../base/json.js'
import { decodeToken } from './decode.js'

/** The longest any access token is good for after its `iat`, in seconds, whoever issued it. */
export const accessTokenMaxSeconds = 3600

/** How far `nbf` and `iat` may lie in the future, in seconds. Expiry has no tolerance. */
export const clockToleranceSeconds = 5

/** From when and until when a token is good, in seconds. */
export interface TokenTimes {
  readonly iat: number
  readonly exp: number
  /** `min(exp, iat + 3600)`: the first instant at which it is expired. */
  readonly expiresAt: number
  /** The first instant at which it is good: the later of `iat` and `nbf`, less the clock tolerance. */
  readonly validFrom: number
}

/** When an access token is expired, in seconds: `min(exp, iat + 3600)` (RFC 7519 §4.1.4: "on or after"). */
export function accessTokenExpiresAt(claims: { readonly iat: number; readonly exp: number }): number {
  return Math.min(claims.exp, claims.iat + accessTokenMaxSeconds)
}

/** The times of a token; null where `exp` or `iat` is missing, or one of them or `nbf` is not a finite number. */
export function readTimes(claims: JsonObject): TokenTimes | null {
  const { iat, exp, nbf } = claims
  if (!isInstant(iat) || !isInstant(exp)) return null
  if (nbf !== undefined && !isInstant(nbf)) return null
  const validFrom = Math.max(iat, nbf ?? iat) - clockToleranceSeconds
  return { iat, exp, expiresAt: accessTokenExpiresAt({ iat, exp }), validFrom }
}

/**
 * Whether an access token is expired or will be within `windowSeconds`. It looks at the times alone and verifies
 * nothing: an unreadable token, or one without `exp` or `iat`, is expiring.
 */
export function isTokenExpiringSoon(token: string, windowSeconds = 300, clock: Clock = systemClock): boolean {
  const decoded = decodeToken(token)
  const times = decoded && readTimes(decoded.claims)
  // "Not surely later", so that a window that is not a number counts as expiring too.
  return !times || !(clock() < times.expiresAt - windowSeconds)
}

/** JSON has no infinity, but `1e999` parses to it. */
function isInstant(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
