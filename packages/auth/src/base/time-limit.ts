/** A span of real time that has begun. */
export interface TimeLimit {
  readonly isOver: () => boolean
  /** Resolves or rejects with `work`, or resolves with `late` if the time runs out first; `work` is not stopped. */
  race<T, L>(work: Promise<T>, late: L): Promise<T | L>
}

/** Starts a time limit in seconds. */
export function startTimeLimit(seconds: number): TimeLimit {
  let over = false
  let announce = () => {}
  const reached = new Promise<void>((resolve) => (announce = resolve))
  const timer = setTimeout(() => {
    over = true
    announce()
  }, seconds * 1000)
  return {
    isOver: () => over,
    async race(work, late) {
      try {
        return await Promise.race([work, reached.then(() => late)])
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

/** Resolves after this many seconds. */
export function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000)
  })
}
