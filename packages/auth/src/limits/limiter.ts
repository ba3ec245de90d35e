import type { RateLimiterRes } from 'rate-limiter-flexible'

/** So much of something in so long. */
export interface LimitPolicy {
  /** As in the `RateLimit` headers, and the `reason` of the error. */
  readonly name: 'ip' | 'ip_refused' | 'session'
  readonly points: number
  readonly windowSeconds: number
}

/** What one key has used of its window. */
export type LimiterReading = Pick<RateLimiterRes, 'consumedPoints' | 'msBeforeNext'>

/**
 * Counts per key: the contract of rate-limiter-flexible, so that its `RateLimiterRedis` or `RateLimiterValkey` fits as
 * it is. `consume` resolves with the reading while the key is within its limit and rejects with it above; any other
 * rejection is a failure of the limiter.
 */
export interface Limiter {
  consume(key: string): Promise<LimiterReading>
}

/** Counts one more for this key. */
export interface Counter {
  count(key: string): LimiterReading | Promise<LimiterReading>
}
