import { startTimeLimit } from './time-limit.js'

/** Hands a promise to the platform, which keeps the process going until it has settled, after the answer too. */
export type WaitUntil = (work: Promise<unknown>) => void

/** The work that goes on after an answer: the writes of first uses, renewals of keys, calls whose caller was answered. */
export interface Background {
  /** Adds work. Its failure is ignored here. @param longestSeconds - the longest time for which an answer may wait for it. @defaultValue 2 */
  readonly add: (work: Promise<unknown>, longestSeconds?: number) => void
  /** Returns null if nothing is under way. Otherwise returns a promise that resolves when all of it, and what it began, has ended. */
  readonly settle: () => Promise<void> | null
}

const usualSeconds = 2

/** Creates an empty {@link Background}. */
export function createBackground(): Background {
  const underWay = new Set<Promise<void>>()
  const settleAll = async () => {
    while (underWay.size > 0) await Promise.all(underWay)
  }
  return {
    add(work, longestSeconds = usualSeconds) {
      const over = async () => {
        try {
          await startTimeLimit(longestSeconds).race(work, undefined)
        } catch {
          // Who began the work reports its failure.
        }
      }
      const task = over().finally(() => underWay.delete(task))
      underWay.add(task)
    },
    settle: () => (underWay.size === 0 ? null : settleAll()),
  }
}
