import type { Clock } from '../base/time.js'
import type { Counter, Limiter, LimiterReading } from './limiter.js'
import type { SharedCountWatch } from './shared-count-watch.js'

/** How long to trust a shared limiter, and whom to tell. */
export interface InsuredCounterOptions {
  readonly clock: Clock
  /** The longest to wait for the shared limiter, in seconds. */
  readonly timeoutSeconds: number
  /** Told of each answer and of each failure. */
  readonly watch: SharedCountWatch
}

const restSeconds = 1

/**
 * Counts in a shared limiter, and in memory while that one fails or does not answer in time: limits go on, for each
 * instance by itself, and nobody is locked out. After a failure the limiter is left alone for a second.
 */
export function createInsuredCounter(
  limiter: Limiter,
  inMemory: Counter,
  options: InsuredCounterOptions,
): Counter {
  const { clock, watch } = options
  let failedAt: number | undefined

  const isResting = () => {
    if (failedAt === undefined) return false
    const since = clock() - failedAt
    return since >= 0 && since < restSeconds
  }

  return {
    async count(key) {
      if (isResting()) return inMemory.count(key)
      try {
        const reading = await answerInTime(limiter, key, options.timeoutSeconds)
        watch.answered()
        return reading
      } catch {
        // Why it failed is for the store to tell; all that is known here is that it does not count.
        watch.failed()
        failedAt = clock()
        return inMemory.count(key)
      }
    },
  }
}

async function answerInTime(limiter: Limiter, key: string, timeoutSeconds: number): Promise<LimiterReading> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error('the shared limiter did not answer in time')),
      timeoutSeconds * 1000,
    )
  })
  try {
    return await Promise.race([consume(limiter, key), timeout])
  } finally {
    clearTimeout(timer)
  }
}

async function consume(limiter: Limiter, key: string): Promise<LimiterReading> {
  try {
    return await limiter.consume(key)
  } catch (thrown) {
    if (isReading(thrown)) return thrown
    throw thrown
  }
}

// By shape: an application may have loaded another copy of the library than ours.
function isReading(thrown: unknown): thrown is LimiterReading {
  if (typeof thrown !== 'object' || thrown === null || thrown instanceof Error) return false
  return (
    'consumedPoints' in thrown &&
    typeof thrown.consumedPoints === 'number' &&
    'msBeforeNext' in thrown &&
    typeof thrown.msBeforeNext === 'number'
  )
}
