import { AuthError } from '../base/errors.js'

/** A quota of something within a window. */
export interface LimitPolicy {
  /** The name in the `RateLimit` headers, and the `reason` of the error. */
  readonly name: 'ip' | 'ip_refused' | 'session'
  /** The largest count that is allowed in one window. */
  readonly quota: number
  readonly windowSeconds: number
}

/** The state of one key after it was counted. */
export interface LimitReading {
  /** The number of counts in the window, this one included. */
  readonly count: number
  /** Seconds until the window ends. */
  readonly resetSeconds: number
}

/** Counts per key. A window starts with the first count of its key. */
export interface LimitCounter {
  /** Adds one to the key's count. A rejection is a failure of the counter. */
  count(key: string): LimitReading | Promise<LimitReading>
}

/** The decision about one count. */
export type LimitDecision =
  { readonly kind: 'allowed' } | { readonly kind: 'limited'; readonly retryAfterSeconds: number }

/** Decides whether a count is within its quota. Every counter, in memory or shared, is judged by it. */
export function decide(policy: LimitPolicy, { count, resetSeconds }: LimitReading): LimitDecision {
  if (count <= policy.quota) return { kind: 'allowed' }
  const retryAfterSeconds = Math.min(Math.max(Math.ceil(resetSeconds), 1), policy.windowSeconds)
  return { kind: 'limited', retryAfterSeconds }
}

const messageOf = {
  ip: 'Too many requests from this address. Try again later.',
  ip_refused: 'Too many refused requests from this address. Try again later.',
  session: 'Too many refreshes of this session. Try again later.',
} as const satisfies Record<LimitPolicy['name'], string>

/** Creates the error of a limited request, with the header fields of draft-ietf-httpapi-ratelimit-headers-08 §3 and §4. */
export function rateLimited(
  { name, quota, windowSeconds }: LimitPolicy,
  retryAfterSeconds: number,
): AuthError {
  return new AuthError('AUTH_RATE_LIMITED', messageOf[name], {
    retryable: true,
    retryAfterSeconds,
    reason: name,
    headers: {
      'RateLimit-Policy': `"${name}";q=${quota};w=${windowSeconds}`,
      RateLimit: `"${name}";r=0;t=${retryAfterSeconds}`,
    },
  })
}
