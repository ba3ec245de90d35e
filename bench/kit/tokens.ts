import { createHash, generateKeyPairSync, sign, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { Shot } from './traffic.ts'

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

/** A key pair that signs JWTs. */
export interface Signer {
  readonly kid: string
  /** The public key. */
  readonly jwk: JsonWebKey
  readonly privateKey: KeyObject
  /** Signs claims; another `kid` names a key that did not sign. */
  readonly sign: (claims: object, kid?: string) => string
}

/** Creates one for member JWTs (RS256) or access tokens (ES256). The default `kid` is the thumbprint of RFC 7638. */
export function createSigner(alg: 'RS256' | 'ES256', name?: string): Signer {
  const { publicKey, privateKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = publicKey.export({ format: 'jwk' })
  const kid = name ?? thumbprintOf(key)
  const typ = alg === 'RS256' ? 'JWT' : 'at+jwt'
  return {
    kid,
    jwk: { ...key, kid, alg, use: 'sig' },
    privateKey,
    sign(claims, signedKid = kid) {
      const input = `${encode({ alg, typ, kid: signedKid })}.${encode(claims)}`
      const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return `${input}.${signature.toString('base64url')}`
    },
  }
}

/** Reads a part of a JWT without verification: 0 is the header, 1 the claims. */
export function readPart(token: string, part: 0 | 1): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[part] ?? '', 'base64url').toString())
}

/** Encodes a part of a JWT. */
export function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function thumbprintOf({ crv, kty, x, y }: JsonWebKey): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
}
