import type { Clock } from '../base/time.js'
import { startTimeLimit } from '../base/time-limit.js'
import type { LimitsObservation } from '../telemetry/index.js'
import type { LimitCounter, LimitReading, ReadableCounter } from './limit-counter.js'

/** The options of {@link createSharedCounter}. */
export interface SharedCounterOptions {
  readonly clock: Clock
  /** The longest to wait for the shared counter, in seconds. */
  readonly timeoutSeconds: number
  /** Is informed of every answer and every failure of the shared counter. */
  readonly watch: SharedCountWatch
}

const restSeconds = 1

/**
 * Creates a counter that counts in a shared one, and in memory while that one fails or does not answer in time. Limits
 * go on, for each instance by itself, and nobody is locked out. After a failure the shared counter is not asked for a
 * second.
 */
export function createSharedCounter(
  shared: LimitCounter,
  inMemory: ReadableCounter,
  { clock, timeoutSeconds, watch }: SharedCounterOptions,
): ReadableCounter {
  let failedAt: number | undefined

  const isResting = () => {
    if (failedAt === undefined) return false
    const since = clock() - failedAt
    return since >= 0 && since < restSeconds
  }
  // A counter that cannot be read is taken for one without counts.
  const none: LimitReading = { count: 0, resetSeconds: 0 }
  const ask = async (verb: 'count' | 'read', key: string) => {
    // Turns an error that is thrown at once into a rejection.
    const asked = (async () => await (shared[verb]?.(key) ?? none))()
    const reading = await startTimeLimit(timeoutSeconds).race(asked, null)
    if (reading === null) throw new Error('the shared counter did not answer in time')
    return reading
  }

  const askOrCountAlone = async (verb: 'count' | 'read', key: string) => {
    if (isResting()) return inMemory[verb](key)
    try {
      const reading = await ask(verb, key)
      watch.answered()
      return reading
    } catch {
      // The store reports why it failed. Here only the fact matters.
      watch.failed()
      failedAt = clock()
      return inMemory[verb](key)
    }
  }

  return {
    count: (key) => askOrCountAlone('count', key),
    read: (key) => askOrCountAlone('read', key),
  }
}

/** Observes the shared counters of one store, and reports when they become unavailable and when they recover. */
export interface SharedCountWatch {
  failed(): void
  answered(): void
}

/** The options of {@link createSharedCountWatch}. */
export interface SharedCountWatchOptions {
  readonly clock: Clock
  readonly onChange: (observation: LimitsObservation) => void
}

/** The time without a failure after which the counters count as recovered, in seconds. */
const calmSeconds = 10

/**
 * Creates a watch that reports the first failure, and the first answer after ten seconds without one. A store that comes
 * and goes, or a flood of requests while it is away, is thus reported once.
 */
export function createSharedCountWatch({ clock, onChange }: SharedCountWatchOptions): SharedCountWatch {
  let alone: { readonly since: number; failedAt: number } | undefined

  return {
    failed() {
      const now = clock()
      if (alone) {
        alone.failedAt = now
        return
      }
      alone = { since: now, failedAt: now }
      onChange({ counted: 'alone' })
    },
    answered() {
      if (!alone) return
      const now = clock()
      const calmFor = now - alone.failedAt
      // A clock that was set back must not hide the recovery until it has caught up.
      if (calmFor >= 0 && calmFor < calmSeconds) return
      const aloneSeconds = Math.max(0, Math.round(now - alone.since))
      alone = undefined
      onChange({ counted: 'together', aloneSeconds })
    },
  }
}
