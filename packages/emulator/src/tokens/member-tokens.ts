import { createLocalJWKSet, errors, jwtVerify, SignJWT, type JWTPayload } from 'jose'
import type { AppIdentity } from '../app.js'
import { wholeSeconds, type Clock } from '../clock.js'
import type { SigningKeys } from './signing-keys.js'

/** The lifetime of a member JWT in seconds: two weeks, about that of Memberstack. */
export const memberTokenSeconds: number = 14 * 24 * 3600

/** The contents of a member JWT. */
export interface TokenRequest {
  readonly memberId: string
  /** Seconds from now; negative for an expired token. @defaultValue two weeks after `iat` */
  readonly expiresInSeconds?: number | undefined
  /** @defaultValue 0 */
  readonly issuedSecondsAgo?: number | undefined
  /** Replaces the usual claims of the same name; null removes a claim. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined
}

/** Signs and verifies member JWTs. */
export interface MemberTokens {
  issue(request: TokenRequest): Promise<string>
  /** Returns the claims, or null if the token is forged, expired, malformed or issued for another app. */
  verify(token: string): Promise<JWTPayload | null>
}

function claimsOf({ appId, issuer }: AppIdentity, now: number, request: TokenRequest): JWTPayload {
  const iat = now - (request.issuedSecondsAgo ?? 0)
  const exp =
    request.expiresInSeconds === undefined ? iat + memberTokenSeconds : now + request.expiresInSeconds
  const usual = { id: request.memberId, type: 'member', iat, exp, aud: appId, iss: issuer }
  const all = Object.entries({ ...usual, ...request.claims })
  return Object.fromEntries(all.filter(([, value]) => value !== null))
}

/** Creates the issuer of the member JWTs of an app (RS256). */
export function createMemberTokens(options: {
  readonly app: AppIdentity
  readonly clock: Clock
  readonly keys: SigningKeys
}): MemberTokens {
  const { app, clock, keys } = options
  return {
    issue(request) {
      const { kid, privateKey } = keys.current()
      const claims = claimsOf(app, wholeSeconds(clock), request)
      return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT' }).sign(privateKey)
    },
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, createLocalJWKSet(keys.keySet()), {
          algorithms: ['RS256'],
          issuer: app.issuer,
          audience: app.appId,
          requiredClaims: ['exp'],
          currentDate: new Date(clock() * 1000),
        })
        return payload
      } catch (error) {
        if (error instanceof errors.JOSEError) return null
        throw error
      }
    },
  }
}
