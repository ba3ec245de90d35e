import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import { isUsableToken } from '../base/token-text.js'
import type { Authenticated } from './perennial.js'
import type { Session, SessionUseCases } from '../sessions/index.js'
import { type AuthRequest, type AuthResponse, credentialsOf, readToken } from './auth-request.js'
import { json, noContent } from './auth-response.js'
import type { RefreshTokenTransport } from './refresh-token-transport.js'
import type { Route } from './route-table.js'

type Authenticate = (request: AuthRequest) => Promise<Authenticated>

/** Creates the routes of session mode: sign in, list sessions, sign out. */
export function createSessionRoutes(
  sessions: SessionUseCases,
  authenticate: Authenticate,
  transport: RefreshTokenTransport,
): readonly Route[] {
  return [
    { method: 'POST', path: '/session', answer: (request) => signIn(request, sessions, transport) },
    {
      method: 'DELETE',
      path: '/session',
      answer: (request) => signOutThis(request, sessions, authenticate, transport),
    },
    { method: 'GET', path: '/sessions', answer: (request) => list(request, sessions, authenticate) },
    {
      method: 'DELETE',
      path: '/sessions',
      async answer(request) {
        const { memberId } = ownerOf(await authenticate(request))
        await sessions.signOutEverywhere(memberId, request.requestId)
        return noContent(transport.forget)
      },
    },
    {
      method: 'DELETE',
      path: '/sessions/:id',
      async answer(request, sessionId) {
        const owner = ownerOf(await authenticate(request))
        const ended = await sessions.signOut({ ...owner, sessionId, requestId: request.requestId })
        if (!ended) throw failure('sessionNotFound')
        return noContent(sessionId === owner.sessionId ? transport.forget : {})
      },
    },
  ]
}

async function signIn(
  request: AuthRequest,
  sessions: SessionUseCases,
  transport: RefreshTokenTransport,
): Promise<AuthResponse> {
  const memberToken = readToken(credentialsOf(request))
  if (memberToken === null) throw failure('memberTokenMissing')
  const userAgent = request.header('user-agent') ?? null
  const created = await sessions.signIn({ memberToken, userAgent, requestId: request.requestId })
  const { fields, headers } = transport.hand(created.refreshToken)
  return json(201, { accessToken: created.accessToken, ...fields }, headers)
}

async function list(
  request: AuthRequest,
  sessions: SessionUseCases,
  authenticate: Authenticate,
): Promise<AuthResponse> {
  const { memberId, sessionId } = ownerOf(await authenticate(request))
  const live = await sessions.listOf(memberId)
  return json(200, { sessions: live.map((session) => describe(session, sessionId)) })
}

/**
 * Ends the sessions of the tokens in the request. With a refresh token the answer is always 204 (RFC 7009 §2.2), so an
 * access token beside it is used if it is valid and ignored if it is not.
 */
async function signOutThis(
  request: AuthRequest,
  sessions: SessionUseCases,
  authenticate: Authenticate,
  transport: RefreshTokenTransport,
): Promise<AuthResponse> {
  const refreshToken = await transport.read(request)
  const presented = refreshToken !== undefined
  if (isUsableToken(refreshToken)) await sessions.signOutByRefreshToken(refreshToken, request.requestId)
  if (!presented || readToken(credentialsOf(request)) !== null) {
    try {
      await sessions.signOut({ ...ownerOf(await authenticate(request)), requestId: request.requestId })
    } catch (error) {
      if (!(presented && error instanceof AuthError && error.status === 401)) throw error
    }
  }
  return noContent(transport.forget)
}

function ownerOf({ user, claims }: Authenticated): { readonly memberId: string; readonly sessionId: string } {
  const sessionId = claims['sid']
  if (typeof sessionId === 'string') return { memberId: user.userId, sessionId }
  throw failure('accessTokenWithoutSession')
}

function describe(session: Session, currentId: string): Record<string, unknown> {
  return {
    id: session.id,
    createdAt: toIso(session.createdAt),
    lastUsedAt: toIso(session.lastUsedAt),
    userAgent: session.userAgent,
    current: session.id === currentId,
  }
}

function toIso(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}
