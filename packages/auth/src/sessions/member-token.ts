import type { Clock } from '../base/time.js'
import type { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import type { Reason } from '../base/reasons.js'
import { type AdminApi, type MemberTokenClaims, memberTokenClaimsFrom } from '../members/index.js'
import { clockToleranceSeconds, decodeToken, type DecodedToken } from '../tokens/index.js'

/** How long a sign-in waits for a place in the admin API's quota, over all its questions, in seconds. */
export const signInWaitSeconds = 5

/** Who may sign in with what. */
export interface MemberTokenOptions {
  readonly adminApi: Pick<AdminApi, 'verifyMemberToken'>
  /** `aud` of member JWTs. */
  readonly appId: string
  /** `iss` of member JWTs. */
  readonly memberstackIssuer: string
  /** Exchanges take member JWTs no older than this, in seconds. @defaultValue their own `exp` alone */
  readonly signInMaxAgeSeconds?: number | undefined
  readonly clock: Clock
}

/** Verifies a member JWT with Memberstack, over https, and holds it to audience, issuer and age. */
export type VerifyMemberToken = (token: string, requestId: string) => Promise<MemberTokenClaims>

/** @throws {@link AuthError} from the function returned: `AUTH_TOKEN_INVALID`, `AUTH_TOKEN_EXPIRED`, `AUTH_UNAVAILABLE` */
export function createVerifyMemberToken(options: MemberTokenOptions): VerifyMemberToken {
  const { adminApi } = options
  return async (token, requestId) => {
    const unverified = decodeToken(token)
    if (!unverified) throw invalid('malformed')
    refuseByItsWords(unverified, options)
    const reading = await adminApi.verifyMemberToken(token, { waitSeconds: signInWaitSeconds, requestId })
    if (reading.kind === 'unavailable') {
      const { retryAfterSeconds } = reading
      throw failure('memberstackUnavailable', { retryAfterSeconds })
    }
    if (reading.kind === 'refused') throw invalid('refused')
    refuseUnfit(reading.claims, options)
    return reading.claims
  }
}

/** What the token says of itself can only speak against it; where it does, the quota is spared a question. */
function refuseByItsWords({ claims }: DecodedToken, options: MemberTokenOptions): void {
  const said = memberTokenClaimsFrom(claims)
  if (!said) throw invalid('claims')
  const { nbf = said.iat } = claims
  const isDue = typeof nbf === 'number' && nbf <= options.clock() + clockToleranceSeconds
  if (!isDue) throw invalid('claims')
  refuseUnfit(said, options)
}

function refuseUnfit(claims: MemberTokenClaims, options: MemberTokenOptions): void {
  const { appId, memberstackIssuer, signInMaxAgeSeconds = Infinity, clock } = options
  const now = clock()
  if (claims.aud !== appId) throw invalid('audience')
  if (claims.iss !== memberstackIssuer) throw invalid('issuer')
  if (!Number.isFinite(claims.iat) || !Number.isFinite(claims.exp)) throw invalid('claims')
  if (claims.iat > now + clockToleranceSeconds) throw invalid('claims')
  if (now >= claims.exp || now >= claims.iat + signInMaxAgeSeconds) throw failure('memberTokenExpired')
}

function invalid(reason: Reason): AuthError {
  return failure('memberTokenInvalid', { reason })
}
