import { type Clock, systemClock } from '../base/time.js'
import type { AuthError } from '../base/errors.js'
import type { LimitsObservation } from '../telemetry/index.js'
import { addressKey } from './address-key.js'
import {
  decide,
  rateLimited,
  type LimitCounter,
  type LimitPolicy,
  type LimitReading,
  type ReadableCounter,
  createMemoryCounter,
} from './limit-counter.js'
import { createSharedCounter, createSharedCountWatch, type SharedCountWatch } from './shared-counter.js'

/** Limits per minute, each a whole number of at least 1. See docs/api for what each counts. */
export interface RateLimitOptions {
  /** Refused or malformed requests of one address. @defaultValue 100 */
  readonly ipPerMinute?: number | undefined
  /** All requests of one address. @defaultValue 3000 */
  readonly ipTotalPerMinute?: number | undefined
  /** Rotations or upstream calls of one session or token. @defaultValue 10 */
  readonly sessionPerMinute?: number | undefined
}

/** {@link RateLimitOptions} with every default in place. */
export type ResolvedRateLimits = { readonly [Name in keyof RateLimitOptions]-?: number }

/** The three limits. Each counts its own things. */
export interface RateLimits {
  /**
   * Counts a request of this address, good or bad.
   * @throws {@link AuthError} `AUTH_RATE_LIMITED`: the address has used its quota of all requests.
   */
  admit(ip: string): Promise<void>
  /**
   * Counts a request that was refused or malformed (4xx except 429), before it is answered. Returns the
   * `AUTH_RATE_LIMITED` that is answered instead once the address has used its quota of refusals, else null.
   * Good requests are neither counted nor stopped here.
   */
  refusal(ip: string): Promise<AuthError | null>
  /**
   * Counts nothing. Called before work for a caller that may be refused after it.
   * @throws {@link AuthError} `AUTH_RATE_LIMITED`: the address has used its quota of refusals.
   */
  checkRefusals(ip: string): Promise<void>
  /** Returns the key under which requests of an address are counted. */
  keyOf(ip: string): string
  /**
   * Counts a rotation or an upstream call, by session id or digest of the token.
   * @throws {@link AuthError} `AUTH_RATE_LIMITED`: nothing may be rotated or asked now. Shared answers are not counted.
   */
  spendSession(key: string): Promise<void>
}

/** The options of {@link createRateLimits}. */
export interface RateLimitsOptions extends ResolvedRateLimits {
  readonly clock?: Clock | undefined
  /** Creates the counter of one policy that all instances share. @defaultValue counts of this process */
  readonly limiters?: ((policy: LimitPolicy) => LimitCounter) | undefined
  /** The longest to wait for a shared counter, in seconds. @defaultValue 0.25 */
  readonly limiterTimeoutSeconds?: number | undefined
  /** Is informed when shared counters fail, so that this process counts by itself, and when they recover. */
  readonly onSharedCount?: ((observation: LimitsObservation) => void) | undefined
}

const windowSeconds = 60

/** Creates the limits from numbers that were checked before. */
export function createRateLimits(options: RateLimitsOptions): RateLimits {
  const { clock = systemClock, onSharedCount = () => {} } = options
  // One for all three, because they use one store.
  const watch = createSharedCountWatch({ clock, onChange: onSharedCount })
  const limit = (name: LimitPolicy['name'], quota: number) =>
    createLimit({ name, quota, windowSeconds }, { ...options, clock, watch })
  const ip = limit('ip', options.ipTotalPerMinute)
  const refused = limit('ip_refused', options.ipPerMinute)
  const session = limit('session', options.sessionPerMinute)

  return {
    async admit(address) {
      const error = await ip(addressKey(address))
      if (error) throw error
    },
    refusal: (address) => refused(addressKey(address)),
    async checkRefusals(address) {
      const error = await refused.check(addressKey(address))
      if (error) throw error
    },
    keyOf: addressKey,
    async spendSession(key) {
      const error = await session(key)
      if (error) throw error
    },
  }
}

interface Limit {
  /** Counts one. */
  (key: string): Promise<AuthError | null>
  /** Counts nothing, and returns the error of the next one. */
  readonly check: (key: string) => Promise<AuthError | null>
}

type LimitParts = Pick<RateLimitsOptions, 'limiters' | 'limiterTimeoutSeconds'> & {
  readonly clock: Clock
  readonly watch: SharedCountWatch
}

function createLimit(policy: LimitPolicy, parts: LimitParts): Limit {
  const counter = createCounter(policy, parts)
  const judge = (reading: LimitReading) => {
    const decision = decide(policy, reading)
    return decision.kind === 'limited' ? rateLimited(policy, decision.retryAfterSeconds) : null
  }
  const check = async (key: string) => {
    const { count, resetSeconds } = await counter.read(key)
    return judge({ count: count + 1, resetSeconds })
  }
  return Object.assign(async (key: string) => judge(await counter.count(key)), { check })
}

function createCounter(
  policy: LimitPolicy,
  { clock, watch, limiters, limiterTimeoutSeconds: timeoutSeconds = 0.25 }: LimitParts,
): ReadableCounter {
  const inMemory = createMemoryCounter(policy, { clock })
  if (!limiters) return inMemory
  return createSharedCounter(limiters(policy), inMemory, { clock, timeoutSeconds, watch })
}
