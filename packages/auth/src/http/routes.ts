import { failure } from '../base/failures.js'
import { isUsableToken } from '../base/formats.js'
import {
  type AuthRequest,
  type AuthResponse,
  credentialsOf,
  type Credentials,
  proofOf,
  readToken,
} from './auth-request.js'
import type { Authenticated } from './perennial.js'
import type { DeviceKeys, SessionUseCases, Session } from '../sessions/index.js'
import { json, noContent } from './auth-response.js'
import type { Route, RouteCaller } from './endpoints.js'
import type { IssuedTokens, RefreshTokenTransport } from './refresh-token-transport.js'
import { AuthError } from '../base/errors.js'
import { createDeviceRoutes, registrationHeader, shownProof } from './device-routes.js'
import { createVerifyRoute } from './verify-route.js'
import type { RefreshClient } from '../refresh/index.js'
import type { PresentedProof, ProofCheck } from '../tokens/index.js'

/** The use cases that the routes call, one each. */
export interface AuthRouteUseCases {
  refresh(
    refreshToken: string,
    context: {
      readonly requestId: string
      readonly client?: RefreshClient
      readonly beforeAsking?: () => Promise<void>
      readonly proof?: PresentedProof | undefined
    },
  ): Promise<IssuedTokens & { readonly isBound?: true }>
  authenticate(credentials: Credentials, requestId: string): Authenticated | Promise<Authenticated>
  /** Undefined in forward mode, where the session routes are 404. */
  readonly sessions?: SessionUseCases | undefined
  readonly proofs: Pick<ProofCheck, 'of'>
  /** The keys that browsers register; undefined if the refresh token does not travel in a cookie. */
  readonly devices?: DeviceKeys | undefined
  /** If true, a browser that signs in is asked to register a key. @defaultValue false */
  readonly offersKeys?: boolean | undefined
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
    const proof = presented(request, refreshToken, useCases)
    const refreshed = await useCases.refresh(refreshToken, { requestId, client, beforeAsking, proof })
    return tokens(200, refreshed, { transport })
  }
  return [
    { method: 'POST', path: '/refresh-token', answer: refresh },
    { method: 'GET', path: '/me', answer: async (request) => json(200, (await authenticate(request)).user) },
    createVerifyRoute(authenticate),
    ...(sessions ? createSessionRoutes({ ...useCases, sessions, authenticate, transport }) : []),
    ...(useCases.devices ? createDeviceRoutes({ devices: useCases.devices, transport }) : []),
  ]
}

/** Returns an answer with tokens. A token that is bound to a key says so (RFC 9449 §5); a bearer token is what clients expect. */
function tokens(
  status: 200 | 201,
  issued: IssuedTokens & { readonly isBound?: true },
  {
    transport,
    headers = {},
  }: { readonly transport: RefreshTokenTransport; readonly headers?: AuthResponse['headers'] | undefined },
): AuthResponse {
  const { accessToken, isBound } = issued
  const { fields, cookies } = transport.hand(issued)
  const body = { accessToken, ...fields, ...(isBound && { token_type: 'DPoP' }) }
  return json(status, body, { headers, cookies })
}

type Authenticate = (request: AuthRequest) => Promise<Authenticated>

interface SessionParts extends Pick<AuthRouteUseCases, 'proofs' | 'devices' | 'offersKeys'> {
  readonly sessions: SessionUseCases
  readonly authenticate: Authenticate
  readonly transport: RefreshTokenTransport
}

/** Creates the routes of session mode: sign in, list sessions, sign out. */
function createSessionRoutes(parts: SessionParts): readonly Route[] {
  const { sessions, authenticate, transport } = parts
  return [
    {
      method: 'POST',
      path: '/session',
      answer: (request, _parameter, caller) => signIn(request, caller, parts),
    },
    {
      method: 'DELETE',
      path: '/session',
      answer: (request) => signOutThis(request, parts),
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
        return noContent({ cookies: isOfAnother ? [] : transport.forget(request) })
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
        return noContent({ cookies: isThis ? transport.forget(request) : [] })
      },
    },
  ]
}

/** Returns the proof that comes with a refresh token, unchecked; undefined if there is none. */
function presented(
  request: AuthRequest,
  refreshToken: string,
  { proofs, devices }: Pick<AuthRouteUseCases, 'proofs' | 'devices'>,
): PresentedProof | undefined {
  const shown = devices && shownProof(request, { devices, ofSession: devices.sessionIdOf(refreshToken) })
  return shown ?? presentedByHeader(request, proofs)
}

/** Returns the DPoP proof of a request, unchecked; undefined if it has none. */
function presentedByHeader(
  request: AuthRequest,
  proofs: AuthRouteUseCases['proofs'],
): PresentedProof | undefined {
  const proof = proofOf(request)
  return proof && proofs.of(proof)
}

async function signIn(
  request: AuthRequest,
  { address, beforeAsking }: RouteCaller,
  parts: SessionParts,
): Promise<AuthResponse> {
  const { sessions, transport, proofs, devices, offersKeys } = parts
  const memberToken = readToken(credentialsOf(request))
  if (memberToken === null) throw failure('memberTokenMissing')
  const userAgent = request.header('user-agent') ?? null
  const created = await sessions.signIn({
    memberToken,
    userAgent,
    requestId: request.requestId,
    address: address(),
    beforeAsking,
    // A browser that sends the refresh token by itself sends no proof with it.
    proof: transport.takesProofs ? presentedByHeader(request, proofs) : undefined,
  })
  const headers = devices && offersKeys ? registrationHeader(devices, created.refreshToken) : undefined
  return tokens(201, created, { transport, headers })
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
 * Ends the sessions of the tokens in the request. With a refresh token the answer is 204 (RFC 7009 §2.2), so an access token beside
 * it is used if it is valid and ignored if it is not. The one exception: the session of the refresh token is bound to a key, and the
 * request has no proof by it. A cookie of another session than the one that the request means is left alone.
 */
async function signOutThis(request: AuthRequest, parts: SessionParts): Promise<AuthResponse> {
  const { sessions, authenticate, transport } = parts
  const refreshToken = await transport.read(request)
  const meant = await transport.readMeantSession(request)
  const isPresented = refreshToken !== undefined
  const isOfAnother =
    isUsableToken(refreshToken) &&
    !(await sessions.signOutByRefreshToken(refreshToken, {
      requestId: request.requestId,
      meant,
      proof: presented(request, refreshToken, parts),
    }))
  if (!isPresented || readToken(credentialsOf(request)) !== null) {
    try {
      await sessions.signOut({ ...ownerOf(await authenticate(request)), requestId: request.requestId })
    } catch (error) {
      if (!(isPresented && error instanceof AuthError && error.status === 401)) throw error
    }
  }
  return noContent({ cookies: isOfAnother ? [] : transport.forget(request) })
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
  if (transport.takesProofs) return null
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
