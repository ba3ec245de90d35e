import type { Clock } from '../base/clock.js'
import { unavailable, type AuthError } from '../base/errors.js'
import { createAllowance } from './allowance.js'
import { createPause } from './pause.js'

/** How a reading is made and how long it is good. */
export interface KeptReadingOptions<T> {
  /** Reads anew; what was read last is handed in. */
  readonly read: (last: T | null) => Promise<T>
  readonly clock: Clock
  /** For people, when nothing was ever read. */
  readonly unavailableMessage: string
  /** Older than this, in seconds, it is read again in the background. */
  readonly refreshAfterSeconds: number
  /** Older than this, in seconds, callers wait for a new reading; the last one serves if that fails. */
  readonly waitAfterSeconds: number
  /** Readings out of turn: how many at once, and after how many seconds there is one more. */
  readonly extraReadings: { readonly burst: number; readonly everySeconds: number }
}

/** Something read from elsewhere, kept, read again in time, and served on while the source is down. No timers. */
export interface KeptReading<T> {
  /** What was last read, without looking at its age. */
  readonly last: T | null
  /** Reads again in the background where it is time. */
  refreshIfDue(now: number): void
  /** @throws {@link AuthError} `AUTH_UNAVAILABLE`: never read, and cannot be (thrown at once, or rejected). */
  get(now: number): T | Promise<T>
  /**
   * A reading out of turn, for those who miss something in the last one; null where the allowance is used up.
   * @throws {@link AuthError} `AUTH_UNAVAILABLE`: the source is down, so nobody can say whether it is there.
   */
  getNewer(now: number): Promise<T> | null
}

/** One reading at a time, shared by all who wait; after a failure the source is left alone for a while. */
export function createKeptReading<T>(options: KeptReadingOptions<T>): KeptReading<T> {
  const { refreshAfterSeconds, waitAfterSeconds, extraReadings } = options
  const source = createSource(options)
  const extra = createAllowance(extraReadings)

  const refreshIfDue = (now: number) => {
    if (source.isYoungerThan(refreshAfterSeconds, now) || source.pauseSeconds(now) > 0) return
    // Who reads reports the failure; the last reading serves on.
    source.read().catch(() => {})
  }
  const refuseInPause = (now: number) => {
    if (source.pauseSeconds(now) > 0) throw source.refusal(now)
  }
  return {
    get last() {
      return source.kept?.value ?? null
    },
    refreshIfDue,
    get(now) {
      if (!source.kept) {
        refuseInPause(now)
        return source.read()
      }
      const { value } = source.kept
      // While the source is known to be down nobody waits for it.
      if (!source.isFailing && !source.isYoungerThan(waitAfterSeconds, now)) {
        return source.read().catch(() => value)
      }
      refreshIfDue(now)
      return value
    },
    getNewer(now) {
      refuseInPause(now)
      if (source.isReading || extra.take(now)) return source.read()
      if (source.isFailing) throw source.refusal(now)
      return null
    },
  }
}

interface Source<T> {
  readonly kept: { readonly value: T; readonly at: number } | null
  readonly isReading: boolean
  readonly isFailing: boolean
  isYoungerThan(seconds: number, now: number): boolean
  pauseSeconds(now: number): number
  refusal(now: number): AuthError
  /** Joins the reading under way, or starts one. */
  read(): Promise<T>
}

function createSource<T>({ read, clock, unavailableMessage }: KeptReadingOptions<T>): Source<T> {
  const pause = createPause()
  let kept: Source<T>['kept'] = null
  let inFlight: Promise<T> | null = null

  const readAnew = async () => {
    try {
      const value = await read(kept?.value ?? null)
      kept = { value, at: clock() }
      pause.succeed()
      return value
    } catch (cause) {
      pause.fail(clock())
      throw unavailable(unavailableMessage, { cause, reason: 'unread' })
    }
  }
  return {
    get kept() {
      return kept
    },
    get isReading() {
      return inFlight !== null
    },
    get isFailing() {
      return pause.isFailing
    },
    // A reading from the future (the clock was set back) is of unknown age.
    isYoungerThan: (seconds, now) => kept !== null && now >= kept.at && now < kept.at + seconds,
    pauseSeconds: (now) => pause.secondsLeft(now),
    refusal(now) {
      const retryAfterSeconds = Math.max(1, Math.ceil(pause.secondsLeft(now)))
      return unavailable(unavailableMessage, { retryAfterSeconds, reason: 'unread' })
    },
    read: () =>
      (inFlight ??= readAnew().finally(() => {
        inFlight = null
      })),
  }
}
