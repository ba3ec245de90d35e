export type { Limiter, LimiterReading, LimitPolicy } from './limiter.js'
export { createRateLimits, type RateLimits, type RateLimitsOptions } from './rate-limits.js'
