import { createSingleFlight } from '../base/single-flight.js'

/** Work under way that later callers with the same question may share. */
export interface InFlight<T> {
  /**
   * Joins the work under way for this key, or starts it. `run` calls `placed` when the work has its place in the quota.
   * Before that, only callers with the same `waitSeconds` share it, so that no caller waits longer than it wants, or
   * gives up sooner.
   */
  share(key: string, waitSeconds: number, run: (placed: () => void) => Promise<T>): Promise<T>
}

/** Creates an {@link InFlight}. Nothing is kept once the work has settled. */
export function createInFlight<T>(): InFlight<T> {
  const waiting = createSingleFlight<T>()
  const placed = createSingleFlight<T>()
  return {
    share(key, waitSeconds, run) {
      const inPlace = placed.current(key)
      if (inPlace) return inPlace
      const waitingKey = `${waitSeconds} ${key}`
      const started = waiting.run(waitingKey, () =>
        run(() => {
          const current = waiting.current(waitingKey)
          if (current) placed.run(key, () => current).result.catch(() => {})
        }),
      )
      return started.result
    },
  }
}
