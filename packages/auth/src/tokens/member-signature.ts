import { AuthError } from '../base/errors.js'
import type { Clock } from '../base/time.js'
import type { DecodedToken } from './decode.js'
import type { KeySet, VerificationKey } from './key-set.js'
import { findSigner, judgeHeader, memberTokenRules } from './token-rules.js'

/**
 * The result of checking the signature of a member JWT without Memberstack. `unknown`: no trusted key can tell, so
 * Memberstack has to be asked.
 */
export type SignatureFinding = 'valid' | 'invalid' | 'unknown'

/** Checks signatures of member JWTs without Memberstack. Never rejects for want of a key. */
export type CheckMemberSignature = (compact: string, token: DecodedToken) => Promise<SignatureFinding>

/** Options of {@link createMemberSignatureCheck}. */
export interface MemberSignatureOptions {
  /** Keys of Memberstack. Without them only what no key can have signed is found. */
  readonly keySet?: KeySet | undefined
  readonly clock: Clock
}

/** Creates the check of member JWTs at the exchange, which Memberstack verifies where this cannot. */
export function createMemberSignatureCheck({ keySet, clock }: MemberSignatureOptions): CheckMemberSignature {
  return async (compact, { header }) => {
    if (!canBeSigned(compact, header['alg'])) return 'invalid'
    const { wanted, problems } = judgeHeader(header, headerRules)
    if (!keySet || !wanted || problems.length > 0) return 'unknown'
    const keys = await unlessAway(async () => await keySet.find(wanted, clock()))
    if (keys.length === 0) return 'unknown'
    if (!('reason' in findSigner(compact, keys))) return 'valid'
    // Without a `kid` the token may be signed by a key that the set does not hold.
    return wanted.kid === undefined ? 'unknown' : 'invalid'
  }
}

/** The header does not depend on the issuer and the audience, which the exchange judges. */
const headerRules = memberTokenRules({ issuer: '', audience: '' })

/** The lengths of RSA signatures in bytes, as of the keys that are accepted: 2048 to 8192 bits (RFC 8017 §8). */
const rsaLengths = { least: 256, most: 1024 } as const

/**
 * Returns false for a signature that no key of Memberstack can have made: there is none, its algorithm is symmetric
 * (the keys that verify member JWTs are public), or it is too short or too long for RSA.
 */
function canBeSigned(compact: string, algorithm: unknown): boolean {
  const length = Buffer.byteLength(compact.slice(compact.lastIndexOf('.') + 1), 'base64url')
  if (typeof algorithm !== 'string' || length === 0) return false
  if (/^(none$|HS)/i.test(algorithm)) return false
  return !/^[RP]S/.test(algorithm) || (length >= rsaLengths.least && length <= rsaLengths.most)
}

async function unlessAway(
  find: () => Promise<readonly VerificationKey[]>,
): Promise<readonly VerificationKey[]> {
  try {
    return await find()
  } catch (error) {
    if (error instanceof AuthError) return []
    throw error
  }
}
