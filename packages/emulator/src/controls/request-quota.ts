import type { Clock } from '../base/clock.js'

/** The number of requests that each address may send in any second. */
export interface RequestQuota {
  /** Counts a request and returns true, or returns false if the address has used its quota. A refused request is not counted. */
  take(address: string): boolean
  /** Returns the `ratelimit-*` headers for the address, in the form of draft 6 of the IETF's RateLimit header fields. */
  headers(address: string): Readonly<Record<string, string>>
  reset(): void
}

/** Creates a sliding window of one second for each address. */
export function createRequestQuota(perSecond: number, clock: Clock): RequestQuota {
  const times = new Map<string, readonly number[]>()
  // The absolute difference: if the clock is set back, the window must not stay full until the clock has caught up.
  const recentOf = (address: string, now: number): readonly number[] =>
    (times.get(address) ?? []).filter((time) => Math.abs(now - time) < 1)

  return {
    take(address) {
      const now = clock()
      const recent = recentOf(address, now)
      const isFree = recent.length < perSecond
      times.set(address, isFree ? [...recent, now] : recent)
      return isFree
    },
    headers(address) {
      const used = recentOf(address, clock()).length
      return {
        'ratelimit-policy': `${perSecond};w=1`,
        'ratelimit-limit': String(perSecond),
        'ratelimit-remaining': String(perSecond - used),
        'ratelimit-reset': used === 0 ? '0' : '1',
      }
    },
    reset: () => times.clear(),
  }
}
