import { badRequest } from '../base/api-errors.js'
import type { JsonValue } from '../members/index.js'

/** A failure of the next calls of a route. */
export interface Fault {
  /** The name of the route as in `calls()`: `POST /auth/refresh-token`, `GET /members/:idOrEmail`. */
  readonly route: string
  /** The status of the answer. The route does not run. @defaultValue 200 if there is only a `body` */
  readonly status?: number | undefined
  /** The body of the answer. The route does not run. A string is sent unchanged, anything else as JSON. */
  readonly body?: JsonValue | undefined
  /** Further headers of that answer, such as `retry-after`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** The delay of the answer. The route runs at once. */
  readonly delayMs?: number | undefined
  /** Destroys the connection after the route has run, instead of answering. */
  readonly dropResponse?: boolean | undefined
  /** The number of calls that fail. @defaultValue 1 */
  readonly times?: number | undefined
}

/** A fault that applies to the current call. */
export interface ActiveFault {
  readonly fault: Fault
  /** Resolves when the answer may be sent: after the delay, or earlier at a reset or when the emulator closes. */
  readonly delayed: Promise<void>
}

/** The queue of faults. */
export interface Faults {
  /** Adds a fault after those of the same route. */
  add(fault: Fault): void
  /** Returns the fault of this call, or null. Its delay begins now. */
  take(route: string): ActiveFault | null
  /** Removes all faults and ends all delays. */
  reset(): void
}

/** Returns true if the fault answers in place of the route. */
export const isAnswer = (fault: Fault): boolean => fault.status !== undefined || fault.body !== undefined

/** Creates an empty queue. */
export function createFaults(): Faults {
  let waiting: { fault: Fault; left: number }[] = []
  const delays = new Set<() => void>()

  const delay = ({ delayMs = 0 }: Fault): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(end, delayMs)
      delays.add(end)
      function end(): void {
        clearTimeout(timer)
        delays.delete(end)
        resolve()
      }
    })

  return {
    add(fault) {
      waiting.push({ fault, left: fault.times ?? 1 })
    },
    take(route) {
      const next = waiting.find(({ fault }) => fault.route === route)
      if (!next) return null
      next.left -= 1
      if (next.left <= 0) waiting = waiting.filter((entry) => entry !== next)
      return { fault: next.fault, delayed: delay(next.fault) }
    },
    reset() {
      waiting = []
      for (const end of delays) end()
    },
  }
}

/**
 * Returns the fault if it is complete and not contradictory.
 * @throws {@link ApiError} `generic-message`: the route is unknown, nothing fails, or two fields exclude each other.
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
