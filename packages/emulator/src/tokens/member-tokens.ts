import { createLocalJWKSet, errors, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { type Clock, wholeSeconds } from '../base/clock.js'
import type { AppIdentity } from '../members/index.js'
import type { Logins } from './logins.js'
import type { SigningKeys } from './signing-keys.js'

/** The contents of a member JWT. */
export interface TokenRequest {
  readonly memberId: string
  /** Seconds from now; negative for an expired token. @defaultValue the session length after `iat` */
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

/** The parts that {@link createMemberTokens} needs. */
export interface TokenSettings {
  readonly app: AppIdentity
  readonly clock: Clock
  readonly keys: SigningKeys
  readonly logins: Logins
  /** Returns the lifetime of a member JWT. */
  readonly sessionSeconds: () => number
}

function claimsOf(request: TokenRequest, { app, clock, logins, sessionSeconds }: TokenSettings): JWTPayload {
  const { memberId: id, issuedSecondsAgo = 0, expiresInSeconds } = request
  const now = wholeSeconds(clock)
  const iat = issuedSecondsAgo === 0 ? logins.issuedAt(id, now) : now - issuedSecondsAgo
  const exp = expiresInSeconds === undefined ? iat + sessionSeconds() : now + expiresInSeconds
  const usual = { id, type: 'member', iat, exp, aud: app.appId, iss: app.issuer }
  const all = Object.entries({ ...usual, ...request.claims })
  return Object.fromEntries(all.filter(([, value]) => value !== null))
}

/** Creates the issuer of the member JWTs of an app (RS256). */
export function createMemberTokens(settings: TokenSettings): MemberTokens {
  const { app, clock, keys } = settings
  return {
    issue(request) {
      const { kid, privateKey } = keys.current()
      const claims = claimsOf(request, settings)
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
