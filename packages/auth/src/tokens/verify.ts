import type { Clock } from '../base/time.js'
import { readVerifiedToken, type ReadToken } from './claims.js'
import { decodeToken, type DecodedToken } from './decode.js'
import type { WantedKey } from './key-set.js'
import { isSignedBy } from './signature.js'
import type { TokenIssuer } from './token-issuer.js'
import { expiredToken, invalidToken } from './token-refusal.js'
import { isKid, type SignatureAlgorithm, type VerificationKey } from './verification-key.js'
import { createVerifiedTokenCache, type Remembered } from './verified-token-cache.js'
import type { TokenVerifier, VerifiedToken } from './verified-token.js'

/** What a {@link TokenVerifier} trusts. */
export interface TokenVerifierOptions {
  /** Told apart by their `issuer`. */
  readonly issuers: readonly TokenIssuer[]
  readonly clock: Clock
  /** So many verified tokens are surely remembered, twice as many at most. @defaultValue 50000 */
  readonly cacheSize?: number | undefined
}

interface CachedToken extends ReadToken, Remembered {
  readonly key: VerificationKey
  readonly issuer: TokenIssuer
}

/**
 * Verifies access tokens (RFC 7519 §7.2, RFC 9068 §4). The `iss` in the token chooses an issuer; from there on that
 * issuer's keys, algorithms and audience alone count. First comes the signature, then what makes a token invalid, then
 * its expiry. A token that passed is remembered; its times and its key are looked at again at every use.
 * @throws TypeError when two issuers share a name, or one allows no algorithm
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { clock } = options
  const issuers = indexIssuers(options.issuers)
  const cache = createVerifiedTokenCache<CachedToken>({ size: options.cacheSize ?? 50_000 })

  const verifyAnew = (token: string, now: number): VerifiedToken | Promise<VerifiedToken> => {
    const decoded = decodeToken(token)
    if (!decoded) throw invalidToken('malformed')
    const issuer = issuers.get(decoded.claims['iss'])
    if (!issuer) throw invalidToken('issuer')
    const finish = (keys: readonly VerificationKey[]) => verifyWith(keys, token, decoded, issuer)
    const keys = issuer.keySet.find(readHeader(decoded, issuer), now)
    return keys instanceof Promise ? keys.then(finish) : finish(keys)
  }
  const verifyWith = (
    keys: readonly VerificationKey[],
    compact: string,
    { claims }: DecodedToken,
    issuer: TokenIssuer,
  ): VerifiedToken => {
    const key = findSigner(compact, keys)
    const { token, validFrom } = readVerifiedToken(claims, issuer, key.kid)
    const verified = { compact: copyOf(compact), token, validFrom, key, issuer }
    const now = clock()
    assertInTime(verified, now)
    // Whoever waited for the keys at the same time and was first has set what all get.
    const first = cache.get(compact, now)
    if (first?.key === key) return first.token
    cache.set(verified, now)
    return token
  }
  const recall = (token: string): VerifiedToken | undefined => {
    const now = clock()
    const cached = cache.get(token, now)
    if (!cached?.issuer.keySet.holds(cached.key, now)) return undefined
    assertInTime(cached, now)
    return cached.token
  }

  return { recall, verify: (token) => recall(token) ?? verifyAnew(token, clock()) }
}

/** In one piece: a token is cut from its header, and what is cut keeps that alive and is found by one step more. */
function copyOf(compact: string): string {
  return Buffer.from(compact, 'latin1').toString('latin1')
}

function indexIssuers(list: readonly TokenIssuer[]): ReadonlyMap<unknown, TokenIssuer> {
  const issuers = new Map<unknown, TokenIssuer>()
  for (const issuer of list) {
    if (issuers.has(issuer.issuer)) throw new TypeError(`two issuers are called ${issuer.issuer}`)
    if (issuer.algorithms.length === 0) throw new TypeError(`issuer ${issuer.issuer} allows no algorithm`)
    if (!issuer.issuer || !issuer.audience) throw new TypeError('an issuer needs a name and an audience')
    issuers.set(issuer.issuer, issuer)
  }
  return issuers
}

/** Header parameters that would name or embed a key, or change how the token is to be read (RFC 7515 §4.1, RFC 7797). */
const refusedParameters = ['crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c']

function readHeader({ header }: DecodedToken, issuer: TokenIssuer): WantedKey {
  if (refusedParameters.some((name) => Object.hasOwn(header, name))) throw invalidToken('header')
  const { alg, typ, kid } = header
  if (!isAllowed(alg, issuer.algorithms)) throw invalidToken('algorithm')
  if (issuer.typ !== undefined && typ !== issuer.typ && typ !== `application/${issuer.typ}`) {
    throw invalidToken('type')
  }
  if (kid !== undefined && !isKid(kid)) throw invalidToken('key')
  return { kid, algorithm: alg }
}

function isAllowed(alg: unknown, allowed: readonly SignatureAlgorithm[]): alg is SignatureAlgorithm {
  return allowed.some((algorithm) => algorithm === alg)
}

/** A set may use one `kid` for several keys: any of them may be the signer. */
function findSigner(token: string, keys: readonly VerificationKey[]): VerificationKey {
  if (keys.length === 0) throw invalidToken('key')
  const signer = keys.find((key) => isSignedBy(token, key))
  if (!signer) throw invalidToken('signature')
  return signer
}

function assertInTime({ token, validFrom }: ReadToken, now: number): void {
  if (now < validFrom) throw invalidToken('not_yet_valid')
  if (now >= token.expiresAt) throw expiredToken()
}
