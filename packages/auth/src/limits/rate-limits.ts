import ipaddr from 'ipaddr.js'
import { type Clock, systemClock } from '../base/time.js'
import type { AuthError } from '../base/errors.js'
import type { LimitsObservation } from '../telemetry/index.js'
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
  readonly spendSession: (key: string) => Promise<void>
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

const longestAddress = 64
const unknownKey = 'unknown'

/**
 * Returns the key under which an address is counted. An IPv4 address is its own key. An IPv6 address counts as its /64,
 * which is what one subscriber gets (RFC 6177 §2), except where it carries an IPv4 address, and counts as that ({@link embeddedIpv4}).
 * Zone ids, brackets and ports, as some proxies write them, are left out. Text that is not an address has the key
 * `unknown`, which is limited like one address.
 */
export function addressKey(address: string): string {
  if (address.length > longestAddress) return unknownKey
  const bare = withoutPort(address.trim()).replace(/%.*$/s, '')
  // The four-part form alone: the parser also takes `1` and `0x7f.1`, which no peer address looks like.
  if (ipaddr.IPv4.isValidFourPartDecimal(bare)) return bare
  if (!ipaddr.IPv6.isValid(bare)) return unknownKey

  const { parts } = ipaddr.IPv6.parse(bare)
  const embedded = embeddedIpv4(parts)
  if (embedded) return embedded.map((part) => `${part >> 8}.${part & 0xff}`).join('.')
  return `${parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':')}::/64`
}

/**
 * Returns the two groups of the IPv4 address that an IPv6 address carries. Many of these share a /64, so that everyone
 * behind one translator would have one key:
 * - IPv4-mapped, `::ffff:0:0/96` (RFC 4291 §2.5.5.2)
 * - NAT64, `64:ff9b::/96` (RFC 6052 §2.1), and the last 32 bits of the local-use `64:ff9b:1::/48` (RFC 8215)
 * - 6to4, `2002::/16` (RFC 3056 §2), and Teredo, `2001::/32`, where the bits of the client's are inverted (RFC 4380 §4)
 */
function embeddedIpv4(parts: readonly number[]): readonly number[] | null {
  const [first, second] = parts
  const startsWith = (...groups: readonly number[]) => groups.every((group, at) => parts[at] === group)
  if (first === 0x2002) return parts.slice(1, 3)
  if (first === 0x2001 && second === 0) return parts.slice(6).map((part) => part ^ 0xffff)
  const isLast =
    startsWith(0, 0, 0, 0, 0, 0xffff) || startsWith(0x64, 0xff9b, 0, 0, 0, 0) || startsWith(0x64, 0xff9b, 1)
  return isLast ? parts.slice(6) : null
}

function withoutPort(address: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(address)
  if (bracketed) return bracketed[1] ?? ''
  const ipv4 = /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/.exec(address)
  return ipv4?.[1] ?? address
}
