import { AuthError } from '../base/errors.js'
import type { Clock } from '../base/time.js'

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
  /** Reads the key's count, and adds nothing. A rejection is a failure of the counter. @defaultValue nothing is known before a count */
  read?(key: string): LimitReading | Promise<LimitReading>
}

/** A counter whose counts can be read. */
export type ReadableCounter = Required<LimitCounter>

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

/** The counts of this process. */
export interface MemoryCounter extends ReadableCounter {
  count(key: string): LimitReading
  read(key: string): LimitReading
  /** The number of keys held; never more than `maxKeys`. */
  readonly size: number
}

/** The options of {@link createMemoryCounter}. */
export interface MemoryCounterOptions {
  readonly clock: Clock
  /** @defaultValue 100000 (about 20 MB when full, measured) */
  readonly maxKeys?: number | undefined
}

interface Window {
  count: number
  readonly startedAt: number
}

/** A clock that was set back must not lock anybody out until it has caught up: a start in the future is over too. */
function isWindowOver(startedAt: number, { windowSeconds }: LimitPolicy, now: number): boolean {
  return now < startedAt || now >= startedAt + windowSeconds
}

function readingOf({ count, startedAt }: Window, { windowSeconds }: LimitPolicy, now: number): LimitReading {
  return { count, resetSeconds: startedAt + windowSeconds - now }
}

/**
 * Creates a counter in memory. Two generations of at most half of `maxKeys` take turns, without a timer or a sweep. A
 * flood of addresses evicts the oldest counts only. The map of `base/` is not used: it turns only when it is full, and so
 * keeps the counts of a flood for ever. Here the generations also turn with the window, which frees them.
 */
export function createMemoryCounter(policy: LimitPolicy, options: MemoryCounterOptions): MemoryCounter {
  const { clock } = options
  const generationSize = Math.max(1, Math.floor((options.maxKeys ?? 100_000) / 2))
  let young = new Map<string, Window>()
  let old = new Map<string, Window>()
  let turnedAt = clock()

  const isOver = (startedAt: number, now: number) => isWindowOver(startedAt, policy, now)

  const turn = (now: number) => {
    if (young.size < generationSize && !isOver(turnedAt, now)) return
    old = young
    young = new Map()
    turnedAt = now
  }

  const windowOf = (key: string, now: number): Window => {
    const known = young.get(key) ?? old.get(key)
    if (known && !isOver(known.startedAt, now)) return known
    turn(now)
    const opened = { count: 0, startedAt: now }
    old.delete(key)
    young.set(key, opened)
    return opened
  }

  return {
    count(key) {
      const now = clock()
      const window = windowOf(key, now)
      window.count += 1
      return readingOf(window, policy, now)
    },
    read(key) {
      const now = clock()
      const known = young.get(key) ?? old.get(key)
      return known && !isOver(known.startedAt, now)
        ? readingOf(known, policy, now)
        : { count: 0, resetSeconds: 0 }
    },
    get size() {
      return young.size + old.size
    },
  }
}
