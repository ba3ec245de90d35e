import type { Background } from '../base/background.js'
import { createBreaker } from '../base/breaker.js'
import type { AuthError } from '../base/errors.js'
import { failure, type FailureName } from '../base/failures.js'
import { shareRun } from '../base/single-flight.js'
import type { Clock } from '../base/time.js'

/** Options of {@link createKeptReading}. */
export interface KeptReadingOptions<T> {
  /** Reads anew. Gets the last reading, or null before the first one. */
  readonly read: (last: T | null) => Promise<T>
  readonly clock: Clock
  /** The failure of callers while nothing has ever been read. */
  readonly unread: FailureName
  /** A reading older than this, in seconds, is renewed in the background. */
  readonly refreshAfterSeconds: number
  /** A reading older than this, in seconds, makes callers wait for a new one. If that fails, they get the old one. */
  readonly waitAfterSeconds: number
  /** Readings out of turn: how many at once, and how many seconds until there is one more. */
  readonly extraReadings: ExtraReadings
  /** Gets each reading that no caller waits for. @defaultValue nobody */
  readonly background?: Background | undefined
}

/** A number of readings that grows back with time. */
export interface ExtraReadings {
  readonly burst: number
  readonly everySeconds: number
}

/** A value that is read from elsewhere, kept, renewed in time, and served on while the source is down. It uses no timer. */
export interface KeptReading<T> {
  /** The last reading, of any age. */
  readonly last: T | null
  /** Starts a reading in the background if it is time. */
  refreshIfDue(now: number): void
  /** @throws {@link AuthError} `AUTH_UNAVAILABLE`: nothing was ever read, and the source is down (thrown, or rejected) */
  get(now: number): T | Promise<T>
  /**
   * Reads out of turn, for a caller that misses something in the last reading. Null if no reading out of turn is left.
   * @throws {@link AuthError} `AUTH_UNAVAILABLE`: the source is down, so it is not known whether the thing exists
   */
  getNewer(now: number): Promise<T> | null
}

const longestPauseSeconds = 30

/**
 * Creates a {@link KeptReading}. One reading runs at a time and is shared by all who wait for it. After a failure the
 * source is left alone for 1 s, and for twice as long after each further failure, up to 30 s.
 */
export function createKeptReading<T>(options: KeptReadingOptions<T>): KeptReading<T> {
  const source = createSource(options)
  const takeExtra = createAllowance(options.extraReadings)

  const refreshIfDue = (now: number) => {
    if (source.isYoungerThan(options.refreshAfterSeconds, now) || source.isPaused()) return
    // `options.read` reports the failure itself. The last reading serves on.
    const reading = source.read().catch(() => {})
    options.background?.add(reading)
  }
  return {
    get last() {
      return source.kept?.value ?? null
    },
    refreshIfDue,
    get(now) {
      if (!source.kept) {
        if (source.isPaused()) throw source.refusal()
        return source.read()
      }
      const { value } = source.kept
      // While the source is known to be down, no caller waits for it.
      if (!source.isFailing() && !source.isYoungerThan(options.waitAfterSeconds, now)) {
        return source.read().catch(() => value)
      }
      refreshIfDue(now)
      return value
    },
    getNewer(now) {
      if (source.isPaused()) throw source.refusal()
      if (source.isReading || takeExtra(now)) return source.read()
      if (source.isFailing()) throw source.refusal()
      return null
    },
  }
}

interface Source<T> {
  readonly kept: { readonly value: T; readonly at: number } | null
  readonly isReading: boolean
  /** Returns true from a failure until a reading succeeds. */
  isFailing(): boolean
  /** Returns true while the source is left alone. */
  isPaused(): boolean
  isYoungerThan(seconds: number, now: number): boolean
  refusal(cause?: unknown): AuthError
  /** Joins the reading under way, or starts one. */
  read(): Promise<T>
}

function createSource<T>({ read, unread, clock }: KeptReadingOptions<T>): Source<T> {
  const openSeconds = (failures: number) => Math.min(longestPauseSeconds, 2 ** (failures - 1))
  const breaker = createBreaker({ failureThreshold: 1, openSeconds, clock })
  let kept: Source<T>['kept'] = null
  let isReading = false

  const refusal = (cause?: unknown): AuthError => {
    const retryAfterSeconds = Math.max(1, Math.ceil(breaker.secondsLeft()))
    return failure(unread, { retryAfterSeconds, ...(cause === undefined ? {} : { cause }) })
  }
  const readAnew = async (): Promise<T> => {
    const attempt = breaker.begin()
    if ('retryAfterSeconds' in attempt) throw refusal()
    isReading = true
    try {
      const value = await read(kept?.value ?? null)
      kept = { value, at: clock() }
      attempt.succeeded()
      return value
    } catch (cause) {
      attempt.failed()
      throw refusal(cause)
    } finally {
      isReading = false
    }
  }
  return {
    get kept() {
      return kept
    },
    get isReading() {
      return isReading
    },
    isFailing: () => breaker.isOpen(),
    isPaused: () => breaker.secondsLeft() > 0,
    // A reading from the future (the clock was set back) is of unknown age.
    isYoungerThan: (seconds, now) => kept !== null && now >= kept.at && now < kept.at + seconds,
    refusal,
    read: shareRun(readAnew),
  }
}

/** Returns a function that takes one of a number of extra readings, and returns false if none is left at this second. */
function createAllowance({ burst, everySeconds }: ExtraReadings): (now: number) => boolean {
  let left = burst
  let countedAt = -Infinity
  return (now) => {
    // A clock that was set back gives nothing, and counting goes on from its new time.
    const grown = Math.max(0, now - countedAt) / everySeconds
    left = Math.min(burst, left + grown)
    countedAt = now
    if (left < 1) return false
    left -= 1
    return true
  }
}
