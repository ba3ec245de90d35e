import type { Answer } from './auth-calls.js'

/** A gate for every call of a test: it counts calls, and holds them back while it is closed. */
export interface Turnstile {
  pass(ask: () => Promise<Answer>): Promise<Answer>
  /** The number of calls that have ended, with an answer or without. */
  readonly back: number
  /** Resolves once this number of calls has ended. */
  untilBack(count: number): Promise<void>
  /** Holds all further calls, runs `work` once none is under way, and releases them. */
  whileClosed(work: () => Promise<void>): Promise<void>
}

/** Creates an open turnstile. */
export function createTurnstile(): Turnstile {
  let opened = Promise.resolve()
  let underWay = 0
  let back = 0
  const waiting = new Set<() => void>()
  const until = (holds: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!holds()) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })

  return {
    async pass(ask) {
      await opened
      underWay += 1
      try {
        return await ask()
      } finally {
        underWay -= 1
        back += 1
        for (const look of waiting) look()
      }
    },
    get back() {
      return back
    },
    untilBack: (count) => until(() => back >= count),
    async whileClosed(work) {
      let open = () => {}
      opened = new Promise((resolve) => (open = resolve))
      await until(() => underWay === 0)
      await work()
      open()
    },
  }
}
