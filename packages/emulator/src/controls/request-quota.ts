import type { Clock } from '../clock.js'

/** How many requests an address may make in a second. */
export interface RequestQuota {
  /** Takes a place in the window; false when it is full. A request that was turned away takes none. */
  take(address: string): boolean
  reset(): void
}

/** A sliding window of one second per address. */
export function createRequestQuota(perSecond: number, clock: Clock): RequestQuota {
  const times = new Map<string, readonly number[]>()
  return {
    take(address) {
      const now = clock()
      // Distance, not age: a clock set back must not keep the window full until it has caught up.
      const recent = (times.get(address) ?? []).filter((time) => Math.abs(now - time) < 1)
      const isFree = recent.length < perSecond
      times.set(address, isFree ? [...recent, now] : recent)
      return isFree
    },
    reset: () => times.clear(),
  }
}
