import { createHash } from 'node:crypto'
import type { MemberTokenClaims, MemberTokenReading } from '../../src/members/index.js'

export const appId = 'app_test'
export const memberstackIssuer = 'https://api.memberstack.com'

/**
 * Creates a member JWT. Its signature is a digest, which only {@link readMemberJwt} accepts: in session mode a member JWT
 * is verified by the admin API, not here.
 */
export function memberJwt(claims: Readonly<Record<string, unknown>>): string {
  const all = { id: 'mem_ada', type: 'member', aud: appId, iss: memberstackIssuer, ...claims }
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const signed = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(all)}`
  return `${signed}.${digestOf(signed)}`
}

/** Answers as `POST /members/verify-token` of the admin API does. */
export function readMemberJwt(token: string): MemberTokenReading {
  const [header, payload = '', signature] = token.split('.')
  if (digestOf(`${header}.${payload}`) !== signature) return { kind: 'refused' }
  // Made by memberJwt above.
  const claims: MemberTokenClaims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  return { kind: 'verified', claims }
}

/** As long as a signature of RSA with 2048 bits. */
function digestOf(signed: string): string {
  const digest = createHash('sha256').update(signed).digest()
  return Buffer.concat(Array.from({ length: 8 }, () => digest)).toString('base64url')
}
