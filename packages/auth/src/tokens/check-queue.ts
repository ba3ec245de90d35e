/** Decides how many signature checks run at once; the others wait in the order they came. */
export interface CheckQueue {
  /** Runs the check when its turn comes. @throws whatever the check throws */
  run<T>(check: () => Promise<T>): Promise<T>
}

/** More at once gain nothing: the thread pool of Node has four threads. */
const mostAtOnce = 64

/**
 * Each check that fails halves how many run at once, down to one; each that passes makes it one more. Checks run on threads
 * that want the same processors as the event loop: under a flood of forged tokens, on one processor, four of them would
 * leave it a fifth. One at a time needs a turn of the loop for each, so that whoever was let in before is served in between,
 * while those who come with new and good tokens, as after a start, have all threads.
 */
export function createCheckQueue(): CheckQueue {
  const waiting: (() => void)[] = []
  let limit = mostAtOnce
  let underWay = 0

  const admit = () => {
    while (underWay < limit) {
      const next = waiting.shift()
      if (!next) return
      underWay += 1
      next()
    }
  }
  return {
    async run(check) {
      await new Promise<void>((resolve) => {
        waiting.push(resolve)
        admit()
      })
      let passed = false
      try {
        const result = await check()
        passed = true
        return result
      } finally {
        limit = passed ? Math.min(mostAtOnce, limit + 1) : Math.max(1, Math.floor(limit / 2))
        underWay -= 1
        admit()
      }
    },
  }
}
