/** A number of extra tries that grows back with time. */
export interface Allowance {
  /** Takes one, if there is one left at this second. */
  take(now: number): boolean
}

/** @param options - `burst`: how many at once; `everySeconds`: how long until one has grown back */
export function createAllowance(options: {
  readonly burst: number
  readonly everySeconds: number
}): Allowance {
  let left = options.burst
  let countedAt = -Infinity
  return {
    take(now) {
      // A clock that was set back gives nothing, and counts on from where it is now.
      const grown = Math.max(0, now - countedAt) / options.everySeconds
      left = Math.min(options.burst, left + grown)
      countedAt = now
      if (left < 1) return false
      left -= 1
      return true
    },
  }
}
