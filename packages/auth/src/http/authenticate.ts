import { presentedToken, readToken, type Credentials } from './auth-request.js'
import { failure } from '../base/failures.js'
import type { UserContext } from '../members/index.js'
import type { Emitter } from '../telemetry/index.js'
import { toAuthError } from './auth-response.js'
import type { Authenticated } from './perennial.js'
import type { Confirmations, Revocations } from '../sessions/index.js'
import { sessionOf, type TokenVerifier, type VerifiedToken } from '../tokens/index.js'

/** What authentication needs. `sessions` is set in session mode. */
export interface AuthenticatorParts {
  readonly verifier: TokenVerifier
  readonly userContext: UserContext
  readonly sessions?: { readonly revocations: Revocations; readonly confirmations: Confirmations } | undefined
}

/** Returns the member of a request. @throws {@link AuthError} thrown, or rejected */
export type Authenticator = (
  credentials: Credentials,
  requestId?: string,
) => Authenticated | Promise<Authenticated>

/**
 * Verifies the access token of a request, checks that its session has not ended, and finds the four fields of its member.
 * What is known comes from memory, without a promise. The first use of a generation is noted, to be written later.
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
    // A token that was verified before is usable; only a new one is checked from end to end.
    const known = presented && verifier.recall(presented)
    if (known) return accept(known)
    const token = readToken(credentials)
    if (token === null) throw failure('accessTokenMissing')
    const verified = verifier.verify(token)
    return verified instanceof Promise ? verified.then(accept) : accept(verified)
  }
}

/** Emits `auth_success` for every success. */
export function emitSuccesses(authenticate: Authenticator, { emit }: Pick<Emitter, 'emit'>): Authenticator {
  return (credentials, requestId = crypto.randomUUID()) => {
    const succeed = (authenticated: Authenticated): Authenticated => {
      emit({ event: 'auth_success', requestId, memberId: authenticated.user.userId })
      return authenticated
    }
    const found = authenticate(credentials)
    return found instanceof Promise ? found.then(succeed) : succeed(found)
  }
}

/** Emits every failure: for middleware, whose refusals no handler of ours reports. */
export function emitFailures(
  authenticate: Authenticator,
  {
    emitFailure,
    environment,
  }: Pick<Emitter, 'emitFailure'> & { readonly environment: 'production' | 'development' },
): Authenticator {
  const fail = (thrown: unknown, requestId: string): never => {
    const error = toAuthError(thrown, environment)
    emitFailure(error, requestId)
    throw error
  }
  return (credentials, requestId) => {
    try {
      const found = authenticate(credentials, requestId)
      if (!(found instanceof Promise)) return found
      return found.catch((error: unknown) => fail(error, requestId ?? crypto.randomUUID()))
    } catch (error) {
      return fail(error, requestId ?? crypto.randomUUID())
    }
  }
}

function checkSession(
  token: VerifiedToken,
  { revocations, confirmations }: NonNullable<AuthenticatorParts['sessions']>,
): void {
  const session = sessionOf(token)
  if (!session) throw failure('accessTokenWithoutSession')
  if (revocations.state() === 'unknown') {
    throw failure('revocationsUnknown')
  }
  if (revocations.isEnded(session.sessionId)) {
    throw failure('sessionEnded', {
      subject: { memberId: token.memberId, sessionId: session.sessionId },
    })
  }
  confirmations.note(session.sessionId, session.generation)
}
