import { failure } from '../base/failures.js'
import { isUsableToken } from '../base/token-text.js'
import { type AuthRequest, type AuthResponse, credentialsOf, type Credentials } from './auth-request.js'
import type { Authenticated } from './perennial.js'
import type { SessionUseCases } from '../sessions/index.js'
import { json } from './auth-response.js'
import type { Route } from './route-table.js'
import type { RefreshTokenTransport } from './refresh-token-transport.js'
import { createSessionRoutes } from './session-routes.js'

/** The use cases that the routes call, one each. */
export interface AuthRouteUseCases {
  refresh(
    refreshToken: string,
    context: { readonly requestId: string },
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
  const refresh = async (request: AuthRequest): Promise<AuthResponse> => {
    const refreshToken = await transport.read(request)
    if (!isUsableToken(refreshToken)) throw failure('refreshTokenMissing')
    const refreshed = await useCases.refresh(refreshToken, { requestId: request.requestId })
    const { fields, headers } = transport.hand(refreshed.refreshToken)
    return json(200, { accessToken: refreshed.accessToken, ...fields }, headers)
  }
  return [
    { method: 'POST', path: '/refresh-token', answer: refresh },
    { method: 'GET', path: '/me', answer: async (request) => json(200, (await authenticate(request)).user) },
    ...(sessions ? createSessionRoutes(sessions, authenticate, transport) : []),
  ]
}
