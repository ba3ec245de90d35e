import type { JsonObject } from '../base/json.js'
import type { Clock } from '../base/time.js'
import { failure } from '../base/failures.js'
import { type MemberstackUser, maxTokenLength } from '../base/formats.js'
import type { RandomBytes } from '../base/secrets.js'
import { epochClaim, generationClaim, memberReadAtClaim, type SessionClaims } from './verified-token-cache.js'
import { accessTokenMaxSeconds } from './expiry.js'
import type { SigningKeys } from './signing-keys.js'

/** The member as the token shows it. */
export interface TokenUser extends MemberstackUser {
  /** The claim `email_verified` (OpenID Connect Core §5.1). Absent if Memberstack does not say. */
  readonly emailVerified?: boolean | undefined
}

/** The member and the session of an access token. */
export interface AccessTokenSubject extends Omit<SessionClaims, 'epoch'> {
  readonly user: TokenUser
  /** @defaultValue 0 */
  readonly epoch?: number | undefined
  /** The time at which the member was read, in seconds. @defaultValue unknown, and not in the token */
  readonly memberReadAt?: number | undefined
  /** The latest expiry, in seconds since the epoch: the token does not outlive its session. */
  readonly expiresBy?: number | undefined
  /** The thumbprint of the key that the token is bound to: `cnf` (RFC 9449 §6.1). @defaultValue none: it is a bearer token */
  readonly boundTo?: string | undefined
  /** Extra claims, which {@link extraClaimsProblem} has found nothing wrong with. */
  readonly claims?: JsonObject | undefined
}

/** Issues our own access tokens. */
export interface AccessTokens {
  /**
   * Issues an access token.
   * @throws {@link AuthError} `AUTH_UNAVAILABLE`: there is no key to sign with, or the token would have expired already
   */
  readonly issue: (subject: AccessTokenSubject) => Promise<string>
}

/** Options of {@link createAccessTokens}. */
export interface AccessTokensOptions {
  readonly issuer: string
  readonly audience: string
  /** 60 to 3600. @defaultValue 3600 */
  readonly ttlSeconds?: number | undefined
  /** A token has fewer characters than this. @defaultValue 4096 */
  readonly maxLength?: number | undefined
  readonly signingKeys: Pick<SigningKeys, 'sign'>
  readonly clock: Clock
  readonly randomBytes: RandomBytes
}

/** `customFields` of this many characters of JSON, or more, are left out of the token. */
const customFieldsLimit = 3072
const tokenIdLength = 16

/**
 * Creates the issuer of access tokens (RFC 9068 §2.2): `iss aud client_id sub sid jti iat exp email email_verified roles
 * customFields`, in `gen` the generation of the refresh token that is issued with it, in `mra` the time at which the member
 * was read, in `epoch` the epoch in which the session began, and in `cnf` the key that it is bound to. A token has at most 4096 characters. If it would have more,
 * `customFields`, then `roles`, then `email` are left out, and are read from the member cache.
 * @throws TypeError if the time to live is not 60 to 3600 seconds
 */
export function createAccessTokens(options: AccessTokensOptions): AccessTokens {
  const { issuer, audience, ttlSeconds = accessTokenMaxSeconds, signingKeys, clock, randomBytes } = options
  const { maxLength = maxTokenLength } = options
  if (!(ttlSeconds >= 60 && ttlSeconds <= accessTokenMaxSeconds)) {
    throw new TypeError(`an access token lives 60 to ${accessTokenMaxSeconds} seconds, not ${ttlSeconds}`)
  }
  return {
    async issue(subject) {
      const { user, sessionId, generation, epoch = 0, memberReadAt, expiresBy = Infinity, boundTo } = subject
      const iat = Math.floor(clock())
      const exp = Math.floor(Math.min(iat + ttlSeconds, expiresBy))
      // The process was stopped after it had found the session alive. Who asks again gets a new answer.
      if (exp <= iat) throw failure('accessTokenTooLate')
      const claims = {
        ...subject.claims,
        iss: issuer,
        aud: audience,
        client_id: audience,
        sub: user.userId,
        sid: sessionId,
        jti: Buffer.from(randomBytes(tokenIdLength)).toString('base64url'),
        iat,
        exp,
        [generationClaim]: generation,
        ...(epoch === 0 ? {} : { [epochClaim]: epoch }),
        ...(boundTo === undefined ? {} : { cnf: { jkt: boundTo } }),
        ...(memberReadAt === undefined
          ? {}
          : { [memberReadAtClaim]: Math.floor(memberReadAt * 1000) / 1000 }),
      }
      for (const context of contextsOf(user)) {
        const token = await signingKeys.sign({ ...claims, ...context })
        if (token.length < maxLength) return token
      }
      throw failure('accessTokenTooLong')
    },
  }
}

/** Returns the parts of the user that the token may contain: all of them first, then ever fewer. */
function contextsOf(user: TokenUser): readonly object[] {
  const { roles, customFields, emailVerified } = user
  const email = {
    email: user.email,
    ...(emailVerified === undefined ? {} : { email_verified: emailVerified }),
  }
  const smaller = [{ ...email, roles }, email, {}]
  const fits = JSON.stringify(customFields).length < customFieldsLimit
  return fits ? [{ ...email, roles, customFields }, ...smaller] : smaller
}
