import { type Clock, systemClock } from '../base/time.js'
import { AuthError } from '../base/errors.js'
import type { LimitsObservation } from '../telemetry/index.js'
import { addressKey } from './address-key.js'
import { createInsuredCounter } from './insured-counter.js'
import type { Counter, Limiter, LimiterReading, LimitPolicy } from './limiter.js'
import { createMemoryCounter } from './memory-counter.js'
import { createSharedCountWatch, type SharedCountWatch } from './shared-count-watch.js'

/** Limits per minute; see docs/api for what each counts. */
export interface RateLimitOptions {
  /** Refused or malformed requests of one address. @defaultValue 100 */
  readonly ipPerMinute?: number | undefined
  /** All requests of one address. @defaultValue 3000 */
  readonly ipTotalPerMinute?: number | undefined
  /** Rotations or upstream calls of one session or token. @defaultValue 10 */
  readonly sessionPerMinute?: number | undefined
}

/** The three limits; each counts its own things. */
export interface RateLimits {
  /**
   * Counts a request of this address, good or bad.
   * @throws {@link AuthError} `AUTH_RATE_LIMITED`: the address has had its share of all requests.
   */
  admit(ip: string): Promise<void>
  /**
   * Counts a request that ended refused or malformed (4xx but 429); to be called before it is answered. Returns the
   * `AUTH_RATE_LIMITED` that is answered in its place once the address has had its share of refusals, else null.
   * Good requests are never counted here and never stopped.
   */
  refusal(ip: string): Promise<AuthError | null>
  /**
   * Counts a rotation or an upstream call, by session id or digest of the token.
   * @throws {@link AuthError} `AUTH_RATE_LIMITED`: nothing may be rotated or asked now; shared answers stay free.
   */
  spendSession(key: string): Promise<void>
}

/** What {@link createRateLimits} can be told; the limits are whole numbers of at least 1. */
export interface RateLimitsOptions extends RateLimitOptions {
  readonly clock?: Clock | undefined
  /** Makes the limiter shared by all instances, one for each policy. @defaultValue counts of this process */
  readonly limiters?: ((policy: LimitPolicy) => Limiter) | undefined
  /** The longest to wait for a shared limiter, in seconds. @defaultValue 0.25 */
  readonly limiterTimeoutSeconds?: number | undefined
  /** Told when shared limiters fail, so that this process counts by itself, and when they are back. */
  readonly onSharedCount?: ((observation: LimitsObservation) => void) | undefined
}

const windowSeconds = 60

/** @throws TypeError when a limit is not a whole number of at least 1 */
export function createRateLimits(options: RateLimitsOptions = {}): RateLimits {
  const { clock = systemClock, onSharedCount = () => {} } = options
  // One for all three: they stand and fall with one store.
  const watch = createSharedCountWatch({ clock, onChange: onSharedCount })
  const limit = (name: LimitPolicy['name'], points: number) =>
    createLimit({ name, points, windowSeconds }, { ...options, clock, watch })
  const ip = limit('ip', options.ipTotalPerMinute ?? 3000)
  const refused = limit('ip_refused', options.ipPerMinute ?? 100)
  const session = limit('session', options.sessionPerMinute ?? 10)

  return {
    async admit(address) {
      const error = await ip(addressKey(address))
      if (error) throw error
    },
    refusal: (address) => refused(addressKey(address)),
    async spendSession(key) {
      const error = await session(key)
      if (error) throw error
    },
  }
}

type Limit = (key: string) => Promise<AuthError | null>

type LimitParts = Omit<RateLimitsOptions, 'clock'> & {
  readonly clock: Clock
  readonly watch: SharedCountWatch
}

function createLimit(policy: LimitPolicy, options: LimitParts): Limit {
  if (!Number.isSafeInteger(policy.points) || policy.points < 1) {
    throw new TypeError(`the limit "${policy.name}" must be a whole number of at least 1, e.g. 100`)
  }
  const counter = createCounter(policy, options)
  return async (key) => {
    const reading = await counter.count(key)
    return reading.consumedPoints > policy.points ? rateLimited(policy, reading) : null
  }
}

function createCounter(policy: LimitPolicy, options: LimitParts): Counter {
  const { clock, watch } = options
  const inMemory = createMemoryCounter(policy, { clock })
  if (!options.limiters) return inMemory
  return createInsuredCounter(options.limiters(policy), inMemory, {
    clock,
    timeoutSeconds: options.limiterTimeoutSeconds ?? 0.25,
    watch,
  })
}

const messageOf = {
  ip: 'Too many requests from this address. Try again later.',
  ip_refused: 'Too many refused requests from this address. Try again later.',
  session: 'Too many refreshes of this session. Try again later.',
} as const satisfies Record<LimitPolicy['name'], string>

// Header fields as in draft-ietf-httpapi-ratelimit-headers-08, sections 3 and 4.
function rateLimited(policy: LimitPolicy, reading: LimiterReading): AuthError {
  const seconds = Math.ceil(reading.msBeforeNext / 1000)
  const retryAfterSeconds = Math.min(Math.max(seconds, 1), policy.windowSeconds)
  return new AuthError('AUTH_RATE_LIMITED', messageOf[policy.name], {
    retryable: true,
    retryAfterSeconds,
    reason: policy.name,
    headers: {
      'RateLimit-Policy': `"${policy.name}";q=${policy.points};w=${policy.windowSeconds}`,
      RateLimit: `"${policy.name}";r=0;t=${retryAfterSeconds}`,
    },
  })
}
