/** How long to leave a source alone that failed. */
export interface Pause {
  readonly isFailing: boolean
  /** Seconds until it may be asked again; 0 when it may be asked now. */
  secondsLeft(now: number): number
  fail(now: number): void
  succeed(): void
}

const maxPauseSeconds = 30

/** After a failure 1 s, doubling with each further one up to 30 s. */
export function createPause(): Pause {
  let failures = 0
  let failedAt = 0
  return {
    get isFailing() {
      return failures > 0
    },
    secondsLeft(now) {
      // A clock that was set back must not make the pause longer.
      if (failures === 0 || now < failedAt) return 0
      return Math.max(0, failedAt + Math.min(maxPauseSeconds, 2 ** (failures - 1)) - now)
    },
    fail(now) {
      failures += 1
      failedAt = now
    },
    succeed() {
      failures = 0
    },
  }
}
