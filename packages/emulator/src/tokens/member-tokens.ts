import { createLocalJWKSet, errors, jwtVerify, SignJWT, type JWTPayload } from 'jose'
import type { Clock } from '../clock.js'
import type { AppIdentity } from '../identity.js'
import type { SigningKeys } from './signing-keys.js'

/** How long a member JWT lives, in seconds: about two weeks, as Memberstack's. */
export const memberTokenSeconds: number = 14 * 24 * 3600

/** What to sign. */
export interface TokenRequest {
  readonly memberId: string
  /** From now, in seconds; negative for one that has expired. @defaultValue two weeks from when it was issued */
  readonly expiresInSeconds?: number | undefined
  /** @defaultValue 0 */
  readonly issuedSecondsAgo?: number | undefined
  /** Laid over the usual claims; null takes one away. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined
}

/** Signs and checks member JWTs. */
export interface MemberTokens {
  issue(request: TokenRequest): Promise<string>
  /** The claims, or null for a token that is forged, expired, unreadable or meant for another app. */
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

/** Makes the issuer of the app's member JWTs (RS256). */
export function createMemberTokens(options: {
  readonly app: AppIdentity
  readonly clock: Clock
  readonly keys: SigningKeys
}): MemberTokens {
  const { app, clock, keys } = options
  return {
    issue(request) {
      const { kid, privateKey } = keys.current()
      const claims = claimsOf(app, Math.floor(clock()), request)
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
