import { badRequest } from '../api-error.js'
import { isAnswer, type Fault } from './faults.js'

/**
 * A fault that can strike and means one thing.
 * @throws {@link ApiError} `generic-message`: no such route, nothing that goes wrong, or two things at odds.
 */
export function checkFault(fault: Fault, routes: ReadonlySet<string>): Fault {
  if (!routes.has(fault.route)) {
    const known = [...routes].toSorted().join(', ')
    throw badRequest(`body.route must be one of: ${known}`)
  }
  if (!isAnswer(fault) && !fault.dropResponse && !fault.delayMs) {
    throw badRequest('body must say what goes wrong: status, body, delayMs or dropResponse')
  }
  if (isAnswer(fault) && fault.dropResponse) {
    throw badRequest('body.dropResponse leaves no answer, so it cannot go with status or body')
  }
  if (fault.headers && !isAnswer(fault)) throw badRequest('body.headers needs a status or a body')
  return fault
}
