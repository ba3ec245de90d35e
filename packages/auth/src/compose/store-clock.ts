import { systemTicker, type Clock, type Ticker } from '../base/time.js'
import type { Store } from '../stores/index.js'
import type { Telemetry } from '../telemetry/index.js'

/** A clock that agrees with those of all other instances on one store. */
export interface StoreClock {
  /** The clock of this machine, corrected by its difference to the clock of the store if that is more than a second and 300 at most. */
  readonly clock: Clock
  /** Measures the difference now, and every 10 s. Resolves after the first measurement; never rejects. */
  readonly follow: (store: Pick<Store, 'name' | 'readTime'>) => Promise<void>
  readonly close: () => void
}

/** Options of {@link createStoreClock}. */
export interface StoreClockOptions {
  /** The clock of this machine. */
  readonly clock: Clock
  readonly telemetry: Pick<Telemetry, 'observe'>
  readonly ticker?: Ticker | undefined
}

const measureEverySeconds = 10
/** A smaller difference is left alone, and so is a change that the measurement cannot tell from its own error. */
const toleratedSeconds = 1
/** A clock that is further off is wrong by design, as in a test, or the store's is: nothing is corrected. */
const largestSeconds = 300
/** An answer that took longer says too little. */
const longestRoundTripSeconds = 2
/** The first measurement is the best of so many. */
const firstSamples = 3

interface Sample {
  readonly aheadSeconds: number
  /** The largest error of the measurement: half of the round trip. */
  readonly doubtSeconds: number
}

/**
 * Creates a {@link StoreClock}. Instances whose clocks differ would judge the grace of a refresh token, the idle time of a session
 * and the age of an access token differently, and could take an honest member for a thief. The clock of the store is the one that
 * all of them can read.
 */
export function createStoreClock({ clock, telemetry, ticker = systemTicker }: StoreClockOptions): StoreClock {
  /** The difference that was measured, or 0 for one that is left alone. */
  let difference = 0
  let isClosed = false
  let stopMeasuring = () => {}

  const apply = (host: string, { aheadSeconds, doubtSeconds }: Sample) => {
    const isNews = Math.abs(aheadSeconds - difference) > toleratedSeconds + doubtSeconds
    if (isNews) difference = Math.abs(aheadSeconds) > toleratedSeconds ? aheadSeconds : 0
    telemetry.observe?.({
      kind: 'clock',
      peer: 'store',
      host,
      aheadSeconds: Math.round(aheadSeconds * 1000) / 1000,
      differs: difference !== 0,
      isNews,
    })
  }
  const measure = async (host: string, readTime: () => Promise<number>, samples: number) => {
    const best = await takeBest(clock, readTime, samples)
    if (best && !isClosed) apply(host, best)
  }
  return {
    clock: () => clock() - (Math.abs(difference) > largestSeconds ? 0 : difference),
    async follow({ name, readTime }) {
      if (!readTime) return
      await measure(name, readTime, firstSamples)
      if (!isClosed) stopMeasuring = ticker(measureEverySeconds, () => void measure(name, readTime, 1))
    },
    close() {
      isClosed = true
      stopMeasuring()
    },
  }
}

/** Returns the measurement with the shortest round trip; null if the store did not answer, or not soon enough. */
async function takeBest(
  clock: Clock,
  readTime: () => Promise<number>,
  samples: number,
): Promise<Sample | null> {
  let best: Sample | null = null
  for (let taken = 0; taken < samples; taken += 1) {
    const sample = await takeSample(clock, readTime)
    if (sample === null) return best
    if (best === null || sample.doubtSeconds < best.doubtSeconds) best = sample
  }
  return best
}

async function takeSample(clock: Clock, readTime: () => Promise<number>): Promise<Sample | null> {
  const sentAt = performance.now()
  // The store reports its trouble elsewhere; the next measurement comes soon.
  const theirs = await readTime().catch(() => null)
  const roundTripSeconds = (performance.now() - sentAt) / 1000
  if (theirs === null || roundTripSeconds > longestRoundTripSeconds) return null
  const doubtSeconds = roundTripSeconds / 2
  return { aheadSeconds: clock() - (theirs + doubtSeconds), doubtSeconds }
}
