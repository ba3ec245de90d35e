import type { Shot } from './load.ts'

/** The secret of every Perennial in the bench: production requires one, in both modes. */
export const secret: string = Buffer.alloc(32, 1).toString('base64')

/** The app that all members of the bench belong to. */
export const appId = 'app_bench'
/** The issuer of member JWTs. */
export const issuer = 'https://api.memberstack.com'
/** The custom fields of a member whose session is measured. */
export const customFields: Readonly<Record<string, string>> = {
  'first-name': 'Ada',
  'last-name': 'Lovelace',
  company: 'Analytical Engines',
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
