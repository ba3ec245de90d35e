import { failure } from '../base/failures.js'
import { isUsableToken, type MemberstackUser } from '../base/formats.js'
import {
  type AuthRequest,
  type AuthResponse,
  credentialsOf,
  type Credentials,
  readToken,
} from './auth-request.js'
import type { Authenticated } from './perennial.js'
import type { SessionUseCases, Session } from '../sessions/index.js'
import { json, noContent } from './auth-response.js'
import type { Route, RouteCaller } from './endpoints.js'
import type { RefreshTokenTransport } from './refresh-token-transport.js'
import { AuthError } from '../base/errors.js'
import type { RefreshClient } from '../refresh/index.js'

/** The use cases that the routes call, one each. */
export interface AuthRouteUseCases {
  refresh(
    refreshToken: string,
    context: {
      readonly requestId: string
      readonly client?: RefreshClient
      readonly beforeAsking?: () => Promise<void>
    },
  ): Promise<{ readonly accessToken: string; readonly refreshToken?: string }>
  authenticate(credentials: Credentials, requestId: string): Authenticated | Promise<Authenticated>
  /** Undefined in forward mode, where the session routes are 404. */
  readonly sessions?: SessionUseCases | undefined
}

/** Creates the routes below `/v1/auth`, in both modes. */
export function createAuthRoutes(
  useCases: AuthRouteUseCases,
  transport: RefreshTokenTransport,
): readonly Route[] {
  const { sessions } = useCases
  const authenticate = async (request: AuthRequest) =>
    useCases.authenticate(credentialsOf(request), request.requestId)
  const refresh = async (
    request: AuthRequest,
    _parameter: string,
    { beforeAsking }: RouteCaller,
  ): Promise<AuthResponse> => {
    const refreshToken = await transport.read(request)
    if (refreshToken === undefined && transport.absence === 'no_content') return noContent()
    if (!isUsableToken(refreshToken)) throw failure('refreshTokenMissing')
    const client = { address: request.ip, userAgent: request.header('user-agent') }
    const { requestId } = request
    const refreshed = await useCases.refresh(refreshToken, { requestId, client, beforeAsking })
    const { fields, cookies } = transport.hand(refreshed)
    return json(200, { accessToken: refreshed.accessToken, ...fields }, { cookies })
  }
  return [
    { method: 'POST', path: '/refresh-token', answer: refresh },
    { method: 'GET', path: '/me', answer: async (request) => json(200, (await authenticate(request)).user) },
    createVerifyRoute(authenticate),
    ...(sessions ? createSessionRoutes(sessions, authenticate, transport) : []),
  ]
}

type Authenticate = (request: AuthRequest) => Promise<Authenticated>

/** Creates the routes of session mode: sign in, list sessions, sign out. */
function createSessionRoutes(
  sessions: SessionUseCases,
  authenticate: Authenticate,
  transport: RefreshTokenTransport,
): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/session',
      answer: (request, _parameter, caller) => signIn(request, caller, sessions, transport),
    },
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
        const ofCookie = await sessionOfCookie(request, sessions, transport)
        await sessions.signOutEverywhere(memberId, request.requestId)
        const isOfAnother = ofCookie !== null && ofCookie.memberId !== memberId
        return noContent({ cookies: isOfAnother ? [] : transport.forget })
      },
    },
    {
      method: 'DELETE',
      path: '/sessions/:id',
      async answer(request, sessionId) {
        const owner = ownerOf(await authenticate(request))
        const ofCookie = await sessionOfCookie(request, sessions, transport)
        const ended = await sessions.signOut({ ...owner, sessionId, requestId: request.requestId })
        if (!ended) throw failure('sessionNotFound')
        const isThis = sessionId === (ofCookie?.id ?? owner.sessionId)
        return noContent({ cookies: isThis ? transport.forget : [] })
      },
    },
  ]
}

async function signIn(
  request: AuthRequest,
  { address, beforeAsking }: RouteCaller,
  sessions: SessionUseCases,
  transport: RefreshTokenTransport,
): Promise<AuthResponse> {
  const memberToken = readToken(credentialsOf(request))
  if (memberToken === null) throw failure('memberTokenMissing')
  const userAgent = request.header('user-agent') ?? null
  const created = await sessions.signIn({
    memberToken,
    userAgent,
    requestId: request.requestId,
    address,
    beforeAsking,
  })
  const { fields, cookies } = transport.hand(created)
  return json(201, { accessToken: created.accessToken, ...fields }, { cookies })
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
 * access token beside it is used if it is valid and ignored if it is not. A cookie of another session than the one that the
 * request means is left alone.
 */
async function signOutThis(
  request: AuthRequest,
  sessions: SessionUseCases,
  authenticate: Authenticate,
  transport: RefreshTokenTransport,
): Promise<AuthResponse> {
  const refreshToken = await transport.read(request)
  const meant = await transport.readMeantSession(request)
  const presented = refreshToken !== undefined
  const isOfAnother =
    isUsableToken(refreshToken) &&
    !(await sessions.signOutByRefreshToken(refreshToken, { requestId: request.requestId, meant }))
  if (!presented || readToken(credentialsOf(request)) !== null) {
    try {
      await sessions.signOut({ ...ownerOf(await authenticate(request)), requestId: request.requestId })
    } catch (error) {
      if (!(presented && error instanceof AuthError && error.status === 401)) throw error
    }
  }
  return noContent({ cookies: isOfAnother ? [] : transport.forget })
}

/**
 * Returns the session of the request's cookie, if it has one that is genuine. It can be another one than that of the access
 * token: origins of one site share the cookie, and each page has an access token of its own.
 */
async function sessionOfCookie(
  request: AuthRequest,
  sessions: SessionUseCases,
  transport: RefreshTokenTransport,
): Promise<Session | null> {
  if (transport.forget.length === 0) return null
  const refreshToken = await transport.read(request)
  return isUsableToken(refreshToken) ? sessions.sessionOf(refreshToken) : null
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

/**
 * Creates `GET /v1/auth/verify`, which a reverse proxy asks before it passes a request on: nginx `auth_request`, Traefik
 * `forwardAuth`, Caddy `forward_auth`. The answer is 204 with the member in headers, or the refusal of `authenticate`.
 */
function createVerifyRoute(authenticate: (request: AuthRequest) => Promise<Authenticated>): Route {
  const answer = async (request: AuthRequest): Promise<AuthResponse> =>
    noContent({ headers: memberHeaders((await authenticate(request)).user) })
  return { method: 'GET', path: '/verify', answer }
}

/** Returns the headers of oauth2-proxy for a member. The roles are separated by commas. */
export function memberHeaders({ userId, email, roles }: MemberstackUser): Record<string, string> {
  return {
    'x-auth-request-user': encode(userId),
    'x-auth-request-email': encode(email),
    'x-auth-request-groups': roles.map((role) => encode(role).replaceAll(',', '%2C')).join(','),
  }
}

/**
 * Percent-encodes (RFC 3986 §2.1, UTF-8) what is not visible ASCII, so that no header ends early. The percent sign is encoded
 * too, so that decoding gives exactly the text.
 */
function encode(text: string): string {
  const wellFormed = new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text))
  return wellFormed.replaceAll(/[^\x21-\x7e]+|%/g, (part) => encodeURIComponent(part))
}
