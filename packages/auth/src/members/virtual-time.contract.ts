import { setImmediate } from 'node:timers/promises'
import type { Clock, Timer } from '../base/time.js'

/** Time that passes when a test says so. */
export interface VirtualTime {
  readonly clock: Clock
  readonly timer: Timer
  /** Timers that have not run. */
  pending(): number
  /** Runs what falls due, in order, and lets promises settle in between. */
  advance(seconds: number): Promise<void>
  /** Lets time pass in small steps until this has settled. */
  advanceUntil(work: Promise<unknown>): Promise<void>
  /** Sets the clock as an operator would: timers do not notice. */
  setClock(now: number): void
}

/** A clock and a timer for tests. */
export function createVirtualTime(startAt = 1_000): VirtualTime {
  let elapsed = 0
  let offset = startAt
  const due = new Map<object, { readonly at: number; readonly run: () => void }>()
  const nextDue = (until: number) =>
    [...due].filter(([, { at }]) => at <= until).sort(([, a], [, b]) => a.at - b.at)[0]
  async function advance(seconds: number): Promise<void> {
    const until = elapsed + seconds
    await setImmediate()
    for (let next = nextDue(until); next; next = nextDue(until)) {
      const [key, { at, run }] = next
      due.delete(key)
      elapsed = Math.max(elapsed, at)
      run()
      await setImmediate()
    }
    elapsed = until
  }

  return {
    clock: () => offset + elapsed,
    timer(afterSeconds, run) {
      const key = {}
      due.set(key, { at: elapsed + Math.max(0, afterSeconds), run })
      return () => due.delete(key)
    },
    pending: () => due.size,
    advance,
    async advanceUntil(work) {
      const progress = { isDone: false }
      const settled = work.finally(() => (progress.isDone = true))
      while (!progress.isDone) await advance(0.01)
      await settled
    },
    setClock(now) {
      offset = now - elapsed
    },
  }
}
