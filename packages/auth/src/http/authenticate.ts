import { presentedToken, readToken, type Credentials } from './auth-request.js'
import { failure } from '../base/failures.js'
import type { MemberstackUser } from '../base/formats.js'
import type { MemberChanges } from '../members/index.js'
import { readPageToken, type PageRules } from './cookies.js'
import { traced, type Emitter, type Tracing } from '../telemetry/index.js'
import { toAuthError } from './auth-response.js'
import type { Authenticated } from './perennial.js'
import { createBoundTokens, refuseBound, tokenOfDpop } from './bound-token.js'
import type { Confirmations, Revocations } from '../sessions/index.js'
import {
  memberReadAtOf,
  sessionOf,
  type ProofCheck,
  type TokenVerifier,
  type VerifiedToken,
} from '../tokens/index.js'

/** Finds the user of a verified token. `compact` is the token itself. */
export interface UserSource {
  /** @throws {@link AuthError} thrown or rejected: `AUTH_USER_CONTEXT_INVALID`, `AUTH_UNAVAILABLE` */
  userOf(token: VerifiedToken, compact: string): MemberstackUser | Promise<MemberstackUser>
}

/** Dependencies of authentication. `sessions` is set in session mode. */
export interface AuthenticatorParts {
  readonly verifier: TokenVerifier
  readonly userContext: UserSource
  readonly sessions?: AuthenticatedSessions | undefined
  /** The rules of the access cookie. @defaultValue no cookie is read */
  readonly pages?: PageRules | undefined
  /** Checks the proofs of tokens that are bound to a key. */
  readonly proofs: Pick<ProofCheck, 'useWithToken'>
  /** Traces the verification of tokens that are not known. @defaultValue nobody does */
  readonly telemetry?: Tracing | undefined
}

/** The knowledge of sessions and members in this process, so that `authenticate` asks nobody. */
export interface AuthenticatedSessions {
  readonly revocations: Pick<Revocations, 'state' | 'isEnded' | 'catchUp'>
  readonly confirmations: Pick<Confirmations, 'note'>
  /** Changes of members that webhooks reported. @defaultValue none */
  readonly memberChanges?: Pick<MemberChanges, 'isOutdated'> | undefined
}

/** Returns the member of a request. @throws {@link AuthError} thrown, or rejected */
export type Authenticator = (
  credentials: Credentials,
  requestId?: string,
) => Authenticated | Promise<Authenticated>

/**
 * Verifies the access token of a request, checks that its session has not ended, and finds the four fields of its member.
 * A known token is answered from memory, without a promise. The first use of a generation is noted, to be written later. A token
 * from the cookie of a page is used without a note: it may have been renewed in this request, and the browser may never get it.
 */
export function createAuthenticator(parts: AuthenticatorParts): Authenticator {
  const { verifier, pages, telemetry, proofs } = parts
  const admit = createAdmission(parts)
  const accept: typeof admit = (token, compact, use) => {
    refuseBound(token)
    return admit(token, compact, use)
  }
  const authenticateBound = createBoundTokens({
    proofs,
    verify: (token) => verifier.verify(token),
    admit: (token, compact) => admit(token, compact, 'noted'),
  })
  const verify = (token: string, use: TokenUse): Authenticated | Promise<Authenticated> => {
    const verified = verifier.verify(token)
    return verified instanceof Promise
      ? verified.then((found) => accept(found, token, use))
      : accept(verified, token, use)
  }
  const verifyNew = telemetry?.trace
    ? traced(telemetry, 'authenticate', async (token: string, use: TokenUse) => await verify(token, use))
    : verify

  return (credentials) => {
    const bound = tokenOfDpop(credentials)
    if (bound !== undefined) return authenticateBound(bound, credentials.proof)
    const presented = presentedToken(credentials)
    // A token that was verified before is usable; only a new one is checked from end to end.
    const known = presented && verifier.recall(presented)
    if (presented && known) return accept(known, presented, 'noted')
    const token = readToken(credentials)
    if (token !== null) return verifyNew(token, 'noted')
    const pageToken = pages && readPageToken(pages, credentials)
    if (pageToken === undefined) throw failure('accessTokenMissing')
    const knownOfPage = verifier.recall(pageToken)
    return knownOfPage ? accept(knownOfPage, pageToken, 'unnoted') : verifyNew(pageToken, 'unnoted')
  }
}

/** Says if the use of a token proves that its client got it. */
type TokenUse = 'noted' | 'unnoted'

/** Creates the function that admits the bearer of a verified token. `compact` is the token itself. */
function createAdmission({ userContext, sessions }: AuthenticatorParts) {
  const judge = (
    token: VerifiedToken,
    compact: string,
    use: TokenUse,
  ): Authenticated | Promise<Authenticated> => {
    if (sessions) checkSession(token, sessions, use)
    const user = userContext.userOf(token, compact)
    if (user instanceof Promise) return user.then((found) => ({ user: found, claims: token.claims }))
    return { user, claims: token.claims }
  }
  return (token: VerifiedToken, compact: string, use: TokenUse): Authenticated | Promise<Authenticated> => {
    // A process that was stopped for a while reads first what ended meanwhile.
    const behind = sessions?.revocations.catchUp() ?? null
    return behind === null ? judge(token, compact, use) : behind.then(() => judge(token, compact, use))
  }
}

/** Emits `auth_success` for every success. */
export function emitSuccesses(authenticate: Authenticator, { emit }: Pick<Emitter, 'emit'>): Authenticator {
  return (credentials, requestId = crypto.randomUUID()) => {
    const succeed = (authenticated: Authenticated): Authenticated => {
      const sessionId = authenticated.claims['sid']
      emit({
        event: 'auth_success',
        requestId,
        memberId: authenticated.user.userId,
        ...(typeof sessionId === 'string' ? { sessionId } : {}),
      })
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
  { revocations, confirmations, memberChanges }: AuthenticatedSessions,
  use: TokenUse,
): void {
  const session = sessionOf(token)
  if (!session) throw failure('accessTokenWithoutSession')
  if (revocations.state() === 'unknown') {
    throw failure('revocationsUnknown')
  }
  if (revocations.isEnded(session.sessionId, session.epoch)) {
    throw failure('sessionEnded', {
      subject: { memberId: token.memberId, sessionId: session.sessionId },
    })
  }
  // After the first use is noted: the client has got the token, even if it has to renew it now.
  if (use === 'noted') confirmations.note(session.sessionId, session.generation)
  if (memberChanges?.isOutdated(token.memberId, memberReadAtOf(token))) {
    throw failure('accessTokenOutdated', {
      subject: { memberId: token.memberId, sessionId: session.sessionId },
    })
  }
}

/** Calls `admit` or `refuse` with the result of `authenticate`, without a promise where the result is known at once. */
export function settle(
  authenticate: () => Authenticated | Promise<Authenticated>,
  admit: (authenticated: Authenticated) => void,
  refuse: (error: unknown) => void,
): void {
  let found: Authenticated | Promise<Authenticated>
  try {
    found = authenticate()
  } catch (error) {
    refuse(error)
    return
  }
  if (found instanceof Promise) found.then(admit, refuse)
  else admit(found)
}
