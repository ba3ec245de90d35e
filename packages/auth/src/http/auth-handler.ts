import type { AuthError } from '../base/errors.js'
import type { Emitter } from '../telemetry/index.js'
import type { AuthRequest, AuthResponse } from './auth-request.js'
import { errorResponse, toAuthError } from './auth-response.js'
import { refuseLargeBody } from './request-body.js'
import { findRoute, type Route } from './route-table.js'
import type { RefreshTokenTransport } from './refresh-token-transport.js'

/** The limits of an address, as the handler needs them. */
export interface AddressLimits {
  /** @throws {@link AuthError} `AUTH_RATE_LIMITED`: too many requests of this address altogether. */
  admit(ip: string): Promise<void>
  /** Counts a refused or malformed request; the error that takes its answer's place once there were too many. */
  refusal(ip: string): Promise<AuthError | null>
}

/** What a handler is made of. */
export interface AuthHandlerParts {
  readonly routes: readonly Route[]
  readonly transport: RefreshTokenTransport
  readonly limits: AddressLimits
  readonly emitFailure: Emitter['emitFailure']
  readonly environment: 'production' | 'development'
}

/** Answers a request under `/v1/auth`: limits, the route, and one shape for every failure. Never rejects. */
export function createAuthHandler(parts: AuthHandlerParts): (request: AuthRequest) => Promise<AuthResponse> {
  const answer = async (request: AuthRequest): Promise<AuthResponse> => {
    await parts.limits.admit(request.ip)
    const { route, parameter } = findRoute(parts.routes, request.method, request.path)
    parts.transport.guard(request)
    await refuseLargeBody(request)
    return route.answer(request, parameter)
  }
  // A good request never pays for the bad ones of its address: only what was refused is counted, and replaced.
  const overLimit = async (request: AuthRequest, refusal: AuthError): Promise<AuthError> => {
    const counts = refusal.status >= 400 && refusal.status < 500 && refusal.status !== 429
    return (counts ? await parts.limits.refusal(request.ip) : null) ?? refusal
  }
  return async (request) => {
    try {
      return await answer(request)
    } catch (thrown) {
      const error = await overLimit(request, toAuthError(thrown, parts.environment))
      parts.emitFailure(error, request.requestId)
      return errorResponse(error, parts.environment)
    }
  }
}
