import { presentedToken, readToken, tokenMissing } from './request-token.js'
import { AuthError, unavailable } from '../base/errors.js'
import type { UserContext } from '../members/index.js'
import type { Authenticated, Credentials } from './perennial.js'
import type { Confirmations, Revocations } from '../sessions/index.js'
import { sessionOf, type TokenVerifier, type VerifiedToken } from '../tokens/index.js'

/** What authentication is made of; the sessions parts are there in session mode. */
export interface AuthenticatorParts {
  readonly verifier: TokenVerifier
  readonly userContext: UserContext
  readonly sessions?: { readonly revocations: Revocations; readonly confirmations: Confirmations } | undefined
}

/** Who a request is from. @throws {@link AuthError} thrown at once, or rejected */
export type Authenticator = (credentials: Credentials) => Authenticated | Promise<Authenticated>

/**
 * Verifies the access token of a request, looks whether its session has ended, and finds the four fields. Everything
 * known comes from memory, without a promise; a first sight of a token's generation is noted for later.
 */
export function createAuthenticator({ verifier, userContext, sessions }: AuthenticatorParts): Authenticator {
  const accept = (token: VerifiedToken): Authenticated | Promise<Authenticated> => {
    if (sessions) checkSession(token, sessions)
    const user = userContext.userOf(token)
    if (user instanceof Promise) return user.then((found) => ({ user: found, claims: token.claims }))
    return { user, claims: token.claims }
  }

  return (credentials) => {
    const presented = presentedToken(credentials)
    // What passed before is usable; only what is new has to be looked at from end to end.
    const known = presented && verifier.recall(presented)
    if (known) return accept(known)
    const token = readToken(credentials)
    if (token === null) throw tokenMissing('access token')
    const verified = verifier.verify(token)
    return verified instanceof Promise ? verified.then(accept) : accept(verified)
  }
}

function checkSession(
  token: VerifiedToken,
  { revocations, confirmations }: NonNullable<AuthenticatorParts['sessions']>,
): void {
  const session = sessionOf(token)
  if (!session)
    throw new AuthError('AUTH_TOKEN_INVALID', 'The access token belongs to no session.', { reason: 'claims' })
  if (revocations.state() === 'unknown') {
    throw unavailable('Which sessions have ended is not known yet. Try again later.', { reason: 'store' })
  }
  if (revocations.isEnded(session.sessionId)) {
    throw new AuthError('AUTH_TOKEN_REVOKED', 'The session has ended. Sign in again.', {
      reason: 'revoked',
      subject: { memberId: token.memberId, sessionId: session.sessionId },
    })
  }
  confirmations.note(session.sessionId, session.generation)
}
