import { isMemberId } from '../base/formats.js'
import { isJsonObject, type JsonObject } from '../base/json.js'
import { readTimes, type TokenTimes } from './expiry.js'
import {
  type KeySet,
  type WantedKey,
  isKid,
  type SignatureAlgorithm,
  type VerificationKey,
} from './key-set.js'
import { readSession } from './verified-token-cache.js'
import { decodeToken, type DecodedToken } from './decode.js'
import { isSignedBy } from './signature.js'

/** The rules for the tokens of one issuer. */
export interface TokenRules {
  /** `own`: access tokens of Perennial. `member`: member JWTs of Memberstack. */
  readonly kind: 'own' | 'member'
  /** The exact value of `iss`. */
  readonly issuer: string
  /** The value of `aud`, or one of its values (RFC 7519 §4.1.3). */
  readonly audience: string
  readonly algorithms: readonly SignatureAlgorithm[]
  /** The required `typ`, with or without `application/` (RFC 9068 §4). */
  readonly typ?: string | undefined
  /** The claim that contains the member's id. */
  readonly memberIdClaim: 'sub' | 'id'
}

/** An issuer whose tokens are accepted: its rules and its keys. */
export interface TokenIssuer extends TokenRules {
  readonly keySet: KeySet
}

/** The names that the rules of an issuer need. */
export type IssuerNames = Pick<TokenRules, 'issuer' | 'audience'>

/** Returns the rules for our own access tokens: ES256, `at+jwt` (RFC 9068), the member in `sub`. */
export function ownTokenRules({ issuer, audience }: IssuerNames): TokenRules {
  return { kind: 'own', issuer, audience, algorithms: ['ES256'], typ: 'at+jwt', memberIdClaim: 'sub' }
}

/** Returns the rules for Memberstack's member JWTs: RS256, the member in `id`. */
export function memberTokenRules({ issuer, audience }: IssuerNames): TokenRules {
  return { kind: 'member', issuer, audience, algorithms: ['RS256'], memberIdClaim: 'id' }
}

/** Returns the issuer of our own access tokens. */
export function ownIssuer({ keySet, ...names }: IssuerNames & { readonly keySet: KeySet }): TokenIssuer {
  return { ...ownTokenRules(names), keySet }
}

/** Returns the issuer of Memberstack's member JWTs. */
export function memberIssuer({ keySet, ...names }: IssuerNames & { readonly keySet: KeySet }): TokenIssuer {
  return { ...memberTokenRules(names), keySet }
}

/** One thing that is wrong with a token. `reason` is for logs and metrics, the other fields are for people. */
export type TokenProblem =
  /** The token is not a compact JWS in its canonical form. */
  | { readonly reason: 'malformed' }
  /** `iss` is not `wanted`. */
  | { readonly reason: 'issuer'; readonly wanted: string }
  /** The header contains `parameters`, which name or embed a key, or change how the token is read. */
  | { readonly reason: 'header'; readonly parameters: readonly string[] }
  | { readonly reason: 'algorithm'; readonly wanted: readonly SignatureAlgorithm[] }
  | { readonly reason: 'type'; readonly wanted: string }
  /** No trusted key has the `kid` of the token, or the `kid` is not valid. */
  | { readonly reason: 'key' }
  | { readonly reason: 'signature' }
  | { readonly reason: 'audience'; readonly wanted: string }
  /** `claims` are missing or not valid. */
  | { readonly reason: 'claims'; readonly claims: readonly string[] }
  /** The token is valid from `validFrom` on, the clock tolerance included. */
  | { readonly reason: 'not_yet_valid'; readonly validFrom: number }
  | { readonly reason: 'expired'; readonly expiresAt: number }

/** Header parameters that name or embed a key, or change how the token is read (RFC 7515 §4.1, RFC 7797). */
const refusedParameters = ['crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c']

/** The result of judging a header. */
export interface HeaderJudgement {
  readonly problems: readonly TokenProblem[]
  /** The key that the token asks for; null if its algorithm or `kid` is not valid. */
  readonly wanted: WantedKey | null
}

/** Judges the header of a token (RFC 8725 §3.1, RFC 9068 §4). */
export function judgeHeader(
  header: JsonObject,
  { algorithms, typ: wantedType }: TokenRules,
): HeaderJudgement {
  const problems: TokenProblem[] = []
  const { alg, typ, kid } = header
  const parameters = refusedParameters.filter((name) => Object.hasOwn(header, name))
  if (parameters.length > 0) problems.push({ reason: 'header', parameters })
  const algorithm = algorithms.find((allowed) => allowed === alg)
  if (!algorithm) problems.push({ reason: 'algorithm', wanted: algorithms })
  if (wantedType !== undefined && typ !== wantedType && typ !== `application/${wantedType}`)
    problems.push({ reason: 'type', wanted: wantedType })
  const isValidKid = kid === undefined || isKid(kid)
  if (!isValidKid) problems.push({ reason: 'key' })
  return { problems, wanted: algorithm && isValidKid ? { kid, algorithm } : null }
}

/** The result of judging claims. The lifetime is judged apart from them, at every use: {@link judgeLifetime}. */
export type ClaimsJudgement =
  | { readonly kind: 'sound'; readonly memberId: string; readonly times: TokenTimes }
  | {
      readonly kind: 'refused'
      readonly problems: readonly TokenProblem[]
      /** Null if `iat`, `exp` or `nbf` is not valid. */
      readonly times: TokenTimes | null
    }

/** Judges the claims of a token (RFC 7519 §4.1, RFC 9068 §2.2). */
export function judgeClaims(claims: JsonObject, rules: TokenRules): ClaimsJudgement {
  const problems: TokenProblem[] = []
  if (!isForAudience(claims['aud'], rules.audience))
    problems.push({ reason: 'audience', wanted: rules.audience })
  const memberId = memberIdOf(claims, rules)
  if (memberId === null) problems.push({ reason: 'claims', claims: [rules.memberIdClaim] })
  const times = readTimes(claims)
  if (!times) problems.push({ reason: 'claims', claims: ['iat', 'exp', 'nbf'] })
  if (readBoundKey(claims) === undefined) problems.push({ reason: 'claims', claims: ['cnf'] })
  problems.push(...problemsOfKind(claims, rules))
  if (problems.length > 0 || memberId === null || !times) return { kind: 'refused', problems, times }
  return { kind: 'sound', memberId, times }
}

/**
 * Returns the thumbprint of the key that a token is bound to (RFC 9449 §6.1), null for a bearer token, and undefined if it is bound in a
 * way that cannot be checked here (RFC 7800 §3.1).
 */
export function readBoundKey({ cnf }: JsonObject): string | null | undefined {
  if (cnf === undefined) return null
  const jkt = isJsonObject(cnf) ? cnf['jkt'] : undefined
  return typeof jkt === 'string' && jkt !== '' ? jkt : undefined
}

/** Judges the claims that only one kind of token has. */
function problemsOfKind(claims: JsonObject, { kind }: TokenRules): readonly TokenProblem[] {
  if (kind === 'own') return readSession(claims) ? [] : [{ reason: 'claims', claims: ['sid', 'gen'] }]
  const { type = 'member' } = claims
  return type === 'member' ? [] : [{ reason: 'claims', claims: ['type'] }]
}

/**
 * Judges the lifetime of a token at `now`; null if the token is valid. Expiry has no tolerance. This runs at every use of
 * a token, so a valid one allocates nothing.
 */
export function judgeLifetime(validFrom: number, expiresAt: number, now: number): TokenProblem | null {
  if (now < validFrom) return { reason: 'not_yet_valid', validFrom }
  return now >= expiresAt ? { reason: 'expired', expiresAt } : null
}

function memberIdOf(claims: JsonObject, { kind, memberIdClaim }: TokenRules): string | null {
  const memberId = claims[memberIdClaim]
  if (kind === 'member') return isMemberId(memberId) ? memberId : null
  return typeof memberId === 'string' && memberId !== '' ? memberId : null
}

function isForAudience(audience: unknown, wanted: string): boolean {
  return audience === wanted || (Array.isArray(audience) && audience.includes(wanted))
}

/** Everything that is wrong with a token. */
export interface TokenJudgement {
  /** The header and claims of the token, as they are in it; null if the token is malformed. */
  readonly token: DecodedToken | null
  /** In the order in which the verifier checks, so the first one is the reason of its refusal. Empty: the token is valid. */
  readonly problems: readonly TokenProblem[]
}

/** The conditions under which {@link judgeToken} judges. */
export interface JudgeTokenOptions {
  readonly rules: TokenRules
  /** Null: the keys are not known, and the signature is not judged. */
  readonly keySet: KeySet | null
  /** Seconds since the epoch. */
  readonly now: number
}

/**
 * Judges a token by the rules of the verifier (RFC 7519 §7.2), but goes on after the first problem. Of a token of another
 * issuer only the lifetime is judged, since the other rules depend on the issuer.
 * @throws {@link AuthError} `AUTH_UNAVAILABLE` if the key set cannot be read
 */
export async function judgeToken(
  compact: string,
  { rules, keySet, now }: JudgeTokenOptions,
): Promise<TokenJudgement> {
  const token = decodeToken(compact)
  if (!token) return { token, problems: [{ reason: 'malformed' }] }
  const { header, claims } = token
  const times = readTimes(claims)
  const lifetime = times && judgeLifetime(times.validFrom, times.expiresAt, now)
  const late = lifetime ? [lifetime] : []
  if (claims['iss'] !== rules.issuer)
    return { token, problems: [{ reason: 'issuer', wanted: rules.issuer }, ...late] }

  const { problems, wanted } = judgeHeader(header, rules)
  const signer = keySet && wanted && findSigner(compact, await keySet.find(wanted, now))
  const unsigned = signer && 'reason' in signer ? [signer] : []
  const judged = judgeClaims(claims, rules)
  const unfit = judged.kind === 'refused' ? judged.problems : []
  return { token, problems: [...problems, ...unsigned, ...unfit, ...late] }
}

/** Returns the key that signed a token. A key set may use one `kid` for several keys. */
export function findSigner(
  compact: string,
  keys: readonly VerificationKey[],
): VerificationKey | Extract<TokenProblem, { reason: 'key' | 'signature' }> {
  if (keys.length === 0) return { reason: 'key' }
  return keys.find((key) => isSignedBy(compact, key)) ?? { reason: 'signature' }
}
