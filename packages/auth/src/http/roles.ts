import { failure } from '../base/failures.js'
import type { Emitter } from '../telemetry/index.js'
import type { AuthResponse } from './auth-request.js'
import { errorResponse } from './auth-response.js'
import type { Authenticated, RequestAuthenticator } from './perennial.js'

/** The result that `authenticate()` leaves on a request for `requireRoles()`. */
export interface Grant {
  readonly perennial: RequestAuthenticator
  readonly authenticated: Authenticated
  /** Set if the framework has an id for the request. */
  readonly requestId?: string
}

/** The property of the request that has the grant. A symbol, so that no other code can set it by name. */
export const grantKey: unique symbol = Symbol('perennial.grant')

/** A framework's request, with room for a grant. */
export interface Granted {
  [grantKey]?: Grant
}

/** Puts the grant on a request. */
export function grantTo(request: Granted, grant: Grant): void {
  request[grantKey] = grant
}

/**
 * Creates a function that returns the answer which refuses a request whose member has none of the roles, or null.
 * @throws TypeError if there is no role, or one is not a string
 */
export function createRoleCheck(roles: readonly string[]): (request: Granted) => AuthResponse | null {
  checkRoleNames(roles)
  return (request) => {
    const grant = request[grantKey]
    if (!grant) return notAuthenticated()
    try {
      grant.perennial.requireRoles(grant.authenticated, roles, grant.requestId)
      return null
    } catch (error) {
      return grant.perennial.toResponse(error)
    }
  }
}

/** Checks the names of roles. @throws TypeError if there is none, or one is not a string: no member would ever be admitted */
export function checkRoleNames(roles: readonly unknown[]): void {
  if (roles.length > 0 && roles.every((role) => typeof role === 'string' && role !== '')) return
  throw new TypeError("requireRoles() needs at least one role, each a string: requireRoles('admin', 'owner')")
}

function notAuthenticated(): AuthResponse {
  return errorResponse(failure('notAuthenticated'), 'production')
}

/**
 * Checks that a member has one of these roles.
 * @throws {@link AuthError} `AUTH_ROLE_INSUFFICIENT`, which is emitted too
 */
export function checkRoles(
  { user, claims }: Authenticated,
  roles: readonly string[],
  {
    emitFailure,
    requestId = crypto.randomUUID(),
  }: Pick<Emitter, 'emitFailure'> & { requestId?: string | undefined },
): void {
  if (roles.some((role) => user.roles.includes(role))) return
  const sessionId = claims['sid']
  const error = failure('roleMissing', {
    subject: { memberId: user.userId, ...(typeof sessionId === 'string' ? { sessionId } : {}) },
  })
  emitFailure(error, requestId)
  throw error
}
