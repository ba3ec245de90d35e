import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock, Ticker, Timer } from '../../src/base/time.js'

/** A clock, timers and tickers that stand still until a test lets time pass. */
export interface FakeTime {
  readonly now: number
  readonly clock: Clock
  readonly timer: Timer
  readonly ticker: Ticker
  /** Lets time pass: runs the timers that are due in their order, then each ticker that is due once. */
  pass(seconds: number): Promise<void>
  /** Lets time pass in small steps until this has settled. */
  passUntil(work: Promise<unknown>): Promise<void>
  /** Sets the clock, as an operator would. Timers and tickers do not notice. */
  setClock(now: number): void
  /** Returns the number of timers that have not run. */
  pending(): number
}

interface Scheduled {
  at: number
  readonly run: () => void
}

/** Work that a ticker starts is a chain of promises and immediates. It has ended after this many turns. */
const settlingTurns = 50

/** @param startAt - the clock at the start, in seconds since the epoch */
export function createFakeTime(startAt = 1_700_000_000): FakeTime {
  let elapsed = 0
  let offset = startAt
  const timers = new Set<Scheduled>()
  const tickers = new Set<Scheduled & { readonly everySeconds: number }>()

  const runTimers = async (until: number) => {
    await nextTurn()
    for (let next = firstDue(timers, until); next; next = firstDue(timers, until)) {
      timers.delete(next)
      elapsed = Math.max(elapsed, next.at)
      next.run()
      await nextTurn()
    }
    elapsed = until
  }
  const runTickers = () => {
    for (const ticker of tickers) {
      if (ticker.at > elapsed) continue
      ticker.at = elapsed + ticker.everySeconds
      ticker.run()
    }
  }
  return {
    get now() {
      return offset + elapsed
    },
    clock: () => offset + elapsed,
    timer: (afterSeconds, run) => schedule(timers, { at: elapsed + Math.max(0, afterSeconds), run }),
    ticker: (everySeconds, run) => schedule(tickers, { at: elapsed + everySeconds, run, everySeconds }),
    async pass(seconds) {
      await runTimers(elapsed + seconds)
      runTickers()
      for (let turn = 0; turn < settlingTurns; turn += 1) await nextTurn()
    },
    async passUntil(work) {
      const progress = { isDone: false }
      const settled = work.finally(() => (progress.isDone = true))
      while (!progress.isDone) await runTimers(elapsed + 0.01)
      await settled
    },
    setClock(now) {
      offset = now - elapsed
    },
    pending: () => timers.size,
  }
}

function schedule<T extends Scheduled>(all: Set<T>, entry: T): () => void {
  all.add(entry)
  return () => {
    all.delete(entry)
  }
}

function firstDue(timers: ReadonlySet<Scheduled>, until: number): Scheduled | undefined {
  return [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
}
