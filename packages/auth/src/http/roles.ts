import { failure } from '../base/failures.js'
import type { Emitter } from '../telemetry/index.js'
import type { Authenticated } from './perennial.js'

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
