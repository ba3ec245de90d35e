import { failure } from '../base/failures.js'
import type { Authenticated, Perennial } from './perennial.js'
import type { AuthResponse } from './auth-request.js'
import { errorResponse } from './auth-response.js'

/** What `authenticate()` leaves on a request for `requireRoles()`: who it is, and who said so. */
export interface Grant {
  readonly perennial: Perennial
  readonly authenticated: Authenticated
  /** Where the framework knows one. */
  readonly requestId?: string
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

/**
 * What refuses a request whose member has none of the roles: the answer, or null to let it pass.
 * @throws TypeError at once: no role is asked for, or something that is none
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

/** @throws TypeError: without a role, or with a list in the place of one, nobody would ever pass */
export function checkRoleNames(roles: readonly unknown[]): void {
  if (roles.length > 0 && roles.every((role) => typeof role === 'string' && role !== '')) return
  throw new TypeError("requireRoles() needs at least one role, each a string: requireRoles('admin', 'owner')")
}

function notAuthenticated(): AuthResponse {
  return errorResponse(failure('notAuthenticated'), 'production')
}
