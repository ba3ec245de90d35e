import type { Clock, Ticker } from '../base/time.js'

/** A clock and timers that a test moves by hand. */
export interface TestWorld {
  readonly now: number
  readonly clock: Clock
  readonly ticker: Ticker
  /** Lets time pass, runs what fell due once each, and waits until it is done. */
  pass(seconds: number): Promise<void>
}

/** A world that stands still until it is told otherwise. */
export function createTestWorld(start = 1_700_000_000): TestWorld {
  let now = start
  const ticks = new Set<{ everySeconds: number; next: number; run: () => void }>()
  return {
    get now() {
      return now
    },
    clock: () => now,
    ticker: (everySeconds, run) => {
      const tick = { everySeconds, next: now + everySeconds, run }
      ticks.add(tick)
      return () => ticks.delete(tick)
    },
    pass: async (seconds) => {
      now += seconds
      for (const tick of ticks) {
        if (tick.next > now) continue
        tick.next = now + tick.everySeconds
        tick.run()
      }
      await settle()
    },
  }
}

/** Work started by a tick is a chain of promises and immediates; it is over when this many turns have gone by. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
}
