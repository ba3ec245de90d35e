import { decodeToken, type DecodedToken } from './decode.js'
import type { KeySet } from './key-set.js'
import { isSignedBy } from './signature.js'
import { judgeClaims, judgeHeader, judgeLifetime, type TokenProblem, type TokenRules } from './token-rules.js'
import { readTimes } from './expiry.js'
import type { VerificationKey } from './verification-key.js'

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
