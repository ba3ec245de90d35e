import type { PerennialOptions } from '@perennial/auth'
import type { Shot } from './load.ts'

/** The secret of every Perennial in the bench: production requires one, in both modes. */
export const secret: string = Buffer.alloc(32, 7).toString('base64')

/** The app that all members of the bench belong to. */
export const appId = 'app_bench'
/** The issuer of member JWTs. */
export const issuer = 'https://api.memberstack.com'
/** The key of the admin API, which no server of the bench checks. */
export const secretKey = 'sk_bench'
/** The custom fields of a member whose session is measured. */
export const customFields: Readonly<Record<string, string>> = {
  'first-name': 'Ada',
  'last-name': 'Lovelace',
  company: 'Analytical Engines',
}

/** More than the bench sends: all its requests come from one address. */
const unlimited = 1_000_000_000
/** Limits that no load reaches. */
export const rateLimits: Readonly<Record<'ipPerMinute' | 'ipTotalPerMinute' | 'sessionPerMinute', number>> = {
  ipPerMinute: unlimited,
  ipTotalPerMinute: unlimited,
  sessionPerMinute: unlimited,
}

/** Returns the options of forward mode, with the keys or their address. Nothing listens at the refresh URL: nobody refreshes. */
export function forwardOptions(
  keys: { readonly jwks: string } | { readonly jwksUri: string },
): PerennialOptions & { readonly store: string } {
  return { store: 'memory:', secret, memberstack: { appId, refreshUrl: 'http://127.0.0.1:9/', ...keys } }
}

/** Returns the id of a member. */
export function memberId(index: number): string {
  return `mem_${String(index).padStart(6, '0')}`
}

/** Returns the answer to `GET /me` for a member. A route without authentication answers as for the first. */
export function bodyOf(index: number): string {
  return JSON.stringify({ id: memberId(index) })
}

/** Returns the request of a member whose token must be accepted. */
export function acceptedShot(token: string, index: number): Shot {
  return { token, status: 200, expected: bodyOf(index) }
}

/** Returns the claims of a member JWT: issued ten seconds ago, for fourteen days, as Memberstack does. */
export function memberClaims(index: number, now: number = Date.now() / 1000): Record<string, unknown> {
  const id = memberId(index)
  const iat = Math.floor(now) - 10
  const registered = { iss: issuer, aud: appId, iat, exp: iat + 1_209_600 }
  return { id, type: 'member', ...registered, email: `${id}@example.com`, roles: ['user'], customFields: {} }
}
