export type { Limiter, LimiterReading, LimitPolicy } from './limiter.js'
export {
  createRateLimits,
  type RateLimitOptions,
  type RateLimits,
  type RateLimitsOptions,
} from './rate-limits.js'
