import { AuthError } from '../errors.js'
import type { Authenticated, Perennial } from '../perennial.js'
import type { AuthResponse } from './auth-request.js'
import { errorResponse } from './auth-response.js'

/** What `authenticate()` leaves on a request for `requireRoles()`: who it is, and who said so. */
export interface Grant {
  readonly perennial: Perennial
  readonly authenticated: Authenticated
}

/** Where it lies: no other code can set it by name. */
export const grantKey: unique symbol = Symbol('perennial.grant')

/** A framework's request, with room for a grant. */
export interface Granted {
  [grantKey]?: Grant
}

/** Leaves the grant on a request. */
export function grantTo(request: Granted, grant: Grant): void {
  request[grantKey] = grant
}

/** The answer to refuse a request with, or null when its member has one of the roles. */
export function checkRoles(request: Granted, roles: readonly string[]): AuthResponse | null {
  const grant = request[grantKey]
  if (!grant) {
    const message = 'The request was not authenticated.'
    return errorResponse(new AuthError('AUTH_TOKEN_MISSING', message, { reason: 'missing' }), 'production')
  }
  try {
    grant.perennial.requireRoles(grant.authenticated, roles)
    return null
  } catch (error) {
    return grant.perennial.toResponse(error)
  }
}
