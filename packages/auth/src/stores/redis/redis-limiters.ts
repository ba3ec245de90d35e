import { RateLimiterRedis } from 'rate-limiter-flexible'
import type { Limiter, LimitPolicy } from '../../limits/limiter.js'
import type { RedisConnection } from './redis-connection.js'

/** Limits that all instances count together; a Redis that is away fails at once, and its caller counts by himself. */
export function createRedisLimiters({ client }: RedisConnection): (policy: LimitPolicy) => Limiter {
  return ({ name, points, windowSeconds }) =>
    new RateLimiterRedis({
      storeClient: client,
      keyPrefix: `perennial:limit:${name}`,
      points,
      duration: windowSeconds,
      rejectIfRedisNotReady: true,
    })
}
