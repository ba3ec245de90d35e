import type { JsonValue } from '../members/member.js'

/** Something that goes wrong with the next calls of a route. */
export interface Fault {
  /** As `calls()` names it: `POST /auth/refresh-token`, `GET /members/:idOrEmail`. */
  readonly route: string
  /** Answers this, and the work is not done. @defaultValue 200 where only `body` is given */
  readonly status?: number | undefined
  /** Answers this, and the work is not done; a string is sent as it is, anything else as JSON. */
  readonly body?: JsonValue | undefined
  /** More headers for that answer, such as `retry-after`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** The work is done at once, and its answer held back for so long. */
  readonly delayMs?: number | undefined
  /** The work is done, then the connection is destroyed instead of an answer. */
  readonly dropResponse?: boolean | undefined
  /** How many calls it strikes. @defaultValue 1 */
  readonly times?: number | undefined
}

/** A fault that strikes a call. */
export interface Strike {
  readonly fault: Fault
  /** Resolves when the answer may go: the delay is over, or a reset or the end of the emulator cut it short. */
  readonly held: Promise<void>
}

/** The faults that are set. */
export interface Faults {
  /** After those already set for the route. */
  add(fault: Fault): void
  /** The fault that strikes this call, if any; its delay runs from now. */
  take(route: string): Strike | null
  /** Forgets every fault and lets go of the answers that are held back. */
  reset(): void
}

/** Whether the fault answers in place of the route. */
export const isAnswer = (fault: Fault): boolean => fault.status !== undefined || fault.body !== undefined

/** Starts without faults. */
export function createFaults(): Faults {
  let waiting: { fault: Fault; left: number }[] = []
  const held = new Set<() => void>()

  const hold = ({ delayMs = 0 }: Fault): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(letGo, delayMs)
      held.add(letGo)
      function letGo(): void {
        clearTimeout(timer)
        held.delete(letGo)
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
      return { fault: next.fault, held: hold(next.fault) }
    },
    reset() {
      waiting = []
      for (const letGo of held) letGo()
    },
  }
}
