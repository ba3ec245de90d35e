export type { LimitCounter, LimitPolicy, LimitReading } from './limit-counter.js'
export {
  createRateLimits,
  type RateLimitOptions,
  type RateLimits,
  type ResolvedRateLimits,
} from './rate-limits.js'
