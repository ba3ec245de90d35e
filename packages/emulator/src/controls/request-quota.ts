import type { Clock } from '../clock.js'

/** The number of requests that each address may send in any second. */
export interface RequestQuota {
  /** Counts a request and returns true, or returns false if the address has used its quota. A refused request is not counted. */
  take(address: string): boolean
  reset(): void
}

/** Creates a sliding window of one second for each address. */
export function createRequestQuota(perSecond: number, clock: Clock): RequestQuota {
  const times = new Map<string, readonly number[]>()
  return {
    take(address) {
      const now = clock()
      // The absolute difference: if the clock is set back, the window must not stay full until the clock has caught up.
      const recent = (times.get(address) ?? []).filter((time) => Math.abs(now - time) < 1)
      const isFree = recent.length < perSecond
      times.set(address, isFree ? [...recent, now] : recent)
      return isFree
    },
    reset: () => times.clear(),
  }
}
