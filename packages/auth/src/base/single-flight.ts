/** A run that is under way, and whether this caller joined another's. */
export interface Flight<T> {
  readonly result: Promise<T>
  readonly joined: boolean
}

/** Lets concurrent callers with the same key share one run. */
export interface SingleFlight<T> {
  /** Joins the run under way for `key`, or starts one. Nothing is remembered once it has settled. */
  run(key: string, start: () => Promise<T>): Flight<T>
}

/** A keyed single-flight: per key one run at a time, its outcome shared by all who came while it ran. */
export function createSingleFlight<T>(): SingleFlight<T> {
  const inFlight = new Map<string, Promise<T>>()
  return {
    run(key, start) {
      const joined = inFlight.get(key)
      if (joined) return { result: joined, joined: true }
      const started = start().finally(() => inFlight.delete(key))
      inFlight.set(key, started)
      return { result: started, joined: false }
    },
  }
}
