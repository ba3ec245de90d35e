import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import { isUsableToken } from '../base/formats.js'
import { sessionOf, type ProofCheck, type VerifiedToken } from '../tokens/index.js'
import type { Credentials } from './auth-request.js'
import type { Authenticated } from './perennial.js'

const scheme = /^dpop +(\S+) *$/i

/** Returns the token of `Authorization: DPoP` (RFC 9449 §7.1), unchecked; undefined for every other header. */
export function tokenOfDpop({ authorization }: Credentials): string | undefined {
  // Only the first character is read before most requests.
  if (authorization === undefined || (authorization[0] !== 'D' && authorization[0] !== 'd')) return undefined
  return scheme.exec(authorization)?.[1]
}

/** Refuses a bound token that comes without the scheme for it (RFC 9449 §7.2). @throws {@link AuthError} `AUTH_PROOF_INVALID` */
export function refuseBound(token: VerifiedToken): void {
  if (token.boundTo !== null) throw failure('accessTokenUnproven', { subject: subjectOf(token) })
}

/** The steps that authenticate the bearer of a token, of which a bound token needs some too. */
export interface TokenSteps {
  readonly proofs: Pick<ProofCheck, 'useWithToken'>
  /** @throws {@link AuthError} thrown or rejected */
  readonly verify: (token: string) => VerifiedToken | Promise<VerifiedToken>
  /** @throws {@link AuthError} thrown or rejected */
  readonly admit: (token: VerifiedToken, compact: string) => Authenticated | Promise<Authenticated>
}

/**
 * Creates the authentication of a token in `Authorization: DPoP`: the token has to be bound to the key of the proof that comes with it
 * (RFC 9449 §7.1). The session is looked at after the proof, so that nobody confirms a generation without the key.
 */
export function createBoundTokens({ proofs, verify, admit }: TokenSteps) {
  const authenticate = async (compact: string, proof: Credentials['proof']): Promise<Authenticated> => {
    if (!isUsableToken(compact)) throw failure('accessTokenMissing')
    const token = await verify(compact)
    if (token.boundTo === null) throw failure('accessTokenUnbound', { subject: subjectOf(token) })
    const reason = proof ? await proofs.useWithToken(proof, compact, token.boundTo) : 'missing'
    if (reason !== null) throw failure('accessProofInvalid', { reason, subject: subjectOf(token) })
    return await admit(token, compact)
  }
  return async (compact: string, proof: Credentials['proof']): Promise<Authenticated> => {
    try {
      return await authenticate(compact, proof)
    } catch (error) {
      throw withChallenge(error)
    }
  }
}

/** The challenge to a request that used this scheme (RFC 9449 §7.1). */
const challenge = 'DPoP algs="ES256", error="invalid_token"'

function withChallenge(error: unknown): unknown {
  if (!(error instanceof AuthError) || error.status !== 401 || 'www-authenticate' in error.headers)
    return error
  const headers = { ...error.headers, 'www-authenticate': challenge }
  const { code, message, status, retryable, reason, subject, cause } = error
  return new AuthError(code, message, { status, retryable, reason, subject, cause, headers })
}

function subjectOf(token: VerifiedToken): { readonly memberId: string; readonly sessionId?: string } {
  const sessionId = sessionOf(token)?.sessionId
  return { memberId: token.memberId, ...(sessionId === undefined ? {} : { sessionId }) }
}
