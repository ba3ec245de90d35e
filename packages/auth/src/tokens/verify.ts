import type { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import { deepFreeze, type JsonObject } from '../base/json.js'
import type { Clock } from '../base/time.js'
import { decodeToken, type DecodedToken } from './decode.js'
import {
  findSigner,
  judgeClaims,
  judgeHeader,
  judgeLifetime,
  readBoundKey,
  type TokenIssuer,
  type TokenProblem,
} from './token-rules.js'
import type { VerificationKey } from './key-set.js'
import {
  createVerifiedTokenCache,
  type Remembered,
  type TokenVerifier,
  type VerifiedToken,
} from './verified-token-cache.js'

/** Options of {@link createTokenVerifier}. */
export interface TokenVerifierOptions {
  /** The issuers whose tokens are accepted, each with a different `issuer`. */
  readonly issuers: readonly TokenIssuer[]
  readonly clock: Clock
  /** The number of verified tokens that the cache keeps at least; it keeps twice as many at most. @defaultValue 50000 */
  readonly cacheSize?: number | undefined
}

interface CachedToken extends Remembered {
  readonly token: VerifiedToken
  /** The first instant at which the token is valid, in seconds. */
  readonly validFrom: number
  readonly key: VerificationKey
  readonly issuer: TokenIssuer
}

/**
 * Creates a verifier of access tokens (RFC 7519 §7.2, RFC 9068 §4). The `iss` of a token selects the issuer, and only the
 * keys and rules of that issuer apply. The order of the checks: form, issuer, header, key, signature, claims, lifetime. A
 * verified token is cached; its lifetime and its key are checked again at every use.
 * @throws TypeError if two issuers have the same name, or one allows no algorithm
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { clock } = options
  const issuers = indexIssuers(options.issuers)
  const cache = createVerifiedTokenCache<CachedToken>({ size: options.cacheSize ?? 50_000 })

  const verifyAnew = (token: string, now: number): VerifiedToken | Promise<VerifiedToken> => {
    const decoded = decodeToken(token)
    if (!decoded) throw invalid('malformed')
    const issuer = issuers.get(decoded.claims['iss'])
    if (!issuer) throw invalid('issuer')
    const { problems, wanted } = judgeHeader(decoded.header, issuer)
    if (!wanted || problems.length > 0) throw refusalOf(problems)
    const finish = (keys: readonly VerificationKey[]) => verifyWith(keys, token, decoded, issuer)
    const keys = issuer.keySet.find(wanted, now)
    return keys instanceof Promise ? keys.then(finish) : finish(keys)
  }
  const verifyWith = (
    keys: readonly VerificationKey[],
    compact: string,
    { claims }: DecodedToken,
    issuer: TokenIssuer,
  ): VerifiedToken => {
    const key = findSigner(compact, keys)
    if ('reason' in key) throw refusalOf([key])
    const judged = judgeClaims(claims, issuer)
    if (judged.kind === 'refused') throw refusalOf(judged.problems)
    const now = clock()
    assertInTime(judged.times.validFrom, judged.times.expiresAt, now)
    // Of several calls that waited for the key set with the same token, the first one set the object that all return.
    const first = cache.get(compact, now)
    if (first?.key === key) return first.token
    const token = verifiedToken(claims, judged, issuer, key)
    cache.set({ compact: copyOf(compact), token, validFrom: judged.times.validFrom, key, issuer }, now)
    return token
  }
  const recall = (token: string): VerifiedToken | undefined => {
    const now = clock()
    const cached = cache.get(token, now)
    if (!cached?.issuer.keySet.holds(cached.key, now)) return undefined
    assertInTime(cached.validFrom, cached.token.expiresAt, now)
    return cached.token
  }

  return { recall, verify: (token) => recall(token) ?? verifyAnew(token, clock()) }
}

/** Copies a token into memory of its own. It is a slice of its header, which a kept slice would keep alive. */
function copyOf(compact: string): string {
  return Buffer.from(compact, 'latin1').toString('latin1')
}

function indexIssuers(list: readonly TokenIssuer[]): ReadonlyMap<unknown, TokenIssuer> {
  const issuers = new Map<unknown, TokenIssuer>()
  for (const issuer of list) {
    if (issuers.has(issuer.issuer)) throw new TypeError(`two issuers have the name ${issuer.issuer}`)
    if (issuer.algorithms.length === 0) throw new TypeError(`issuer ${issuer.issuer} allows no algorithm`)
    if (!issuer.issuer || !issuer.audience) throw new TypeError('an issuer needs a name and an audience')
    issuers.set(issuer.issuer, issuer)
  }
  return issuers
}

function verifiedToken(
  claims: JsonObject,
  { memberId, times }: Extract<ReturnType<typeof judgeClaims>, { kind: 'sound' }>,
  { kind, issuer }: TokenIssuer,
  { kid }: VerificationKey,
): VerifiedToken {
  const { iat, exp, expiresAt } = times
  // All callers with this token get the same claims, so nobody may change them.
  const frozen = deepFreeze({ ...claims, iss: issuer, iat, exp })
  const boundTo = readBoundKey(claims) ?? null
  return { kind, memberId, claims: frozen, expiresAt, kid, boundTo, user: null, userFrom: null }
}

function assertInTime(validFrom: number, expiresAt: number, now: number): void {
  const problem = judgeLifetime(validFrom, expiresAt, now)
  if (problem) throw refusalOf([problem])
}

/** Creates the error of the first problem. All but expiry have one code; the reason is for the log. */
function refusalOf([problem]: readonly TokenProblem[]): AuthError {
  return problem?.reason === 'expired'
    ? failure('accessTokenExpired')
    : invalid(problem?.reason ?? 'malformed')
}

function invalid(reason: Exclude<TokenProblem['reason'], 'expired'>): AuthError {
  return failure('accessTokenInvalid', { reason })
}
