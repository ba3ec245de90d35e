import type { JsonObject } from '../base/json.js'
import { readTimes } from './expiry.js'
import type { TokenIssuer } from './token-issuer.js'
import { invalidToken } from './token-refusal.js'
import type { VerifiedToken } from './verified-token.js'

/** The generation of the refresh token that an access token of ours came with. */
export const generationClaim = 'gen'

/** A token whose claims are in order, and the first second at which it is good. */
export interface ReadToken {
  readonly token: VerifiedToken
  readonly validFrom: number
}

/** The session of one of our own access tokens. */
export interface SessionClaims {
  readonly sessionId: string
  /** Of the refresh token that it came with. */
  readonly generation: number
}

/**
 * What a rightly signed token says, held to what its issuer must say. The claims are frozen, since all who present it share them.
 * @throws {@link AuthError} `AUTH_TOKEN_INVALID`
 */
export function readVerifiedToken(
  claims: JsonObject,
  issuer: TokenIssuer,
  kid: string | undefined,
): ReadToken {
  if (!isForAudience(claims['aud'], issuer.audience)) throw invalidToken('audience')
  const memberId = readMemberId(claims, issuer)
  const times = readTimes(claims)
  if (memberId === null || !times) throw invalidToken('claims')
  if (issuer.kind === 'own' && !readSession(claims)) throw invalidToken('claims')
  const { iat, exp, expiresAt, validFrom } = times
  const own = deepFreeze({ ...claims, iss: issuer.issuer, iat, exp })
  return {
    token: { kind: issuer.kind, memberId, claims: own, expiresAt, kid, user: null, userFrom: null },
    validFrom,
  }
}

/** The session and generation of an access token of ours; null for a member JWT, which has none. */
export function sessionOf(token: VerifiedToken): SessionClaims | null {
  return token.kind === 'own' ? readSession(token.claims) : null
}

function readSession(claims: JsonObject): SessionClaims | null {
  const { sid, [generationClaim]: generation } = claims
  if (typeof sid !== 'string' || sid === '') return null
  if (typeof generation !== 'number' || !Number.isSafeInteger(generation) || generation < 1) return null
  return { sessionId: sid, generation }
}

function readMemberId(claims: JsonObject, issuer: TokenIssuer): string | null {
  const memberId = claims[issuer.memberIdClaim]
  if (typeof memberId !== 'string' || memberId === '') return null
  return issuer.kind === 'own' || /^mem_[\w-]+$/.test(memberId) ? memberId : null
}

function isForAudience(audience: unknown, wanted: string): boolean {
  return audience === wanted || (Array.isArray(audience) && audience.includes(wanted))
}

function deepFreeze<T extends object>(value: T): T {
  for (const member of Object.values(value)) {
    if (typeof member === 'object' && member !== null) deepFreeze(member)
  }
  return Object.freeze(value)
}
