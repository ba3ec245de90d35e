/** A run that is under way, and whether this caller joined a run that another caller had started. */
export interface Flight<T> {
  readonly result: Promise<T>
  readonly joined: boolean
}

/** Lets concurrent callers with the same key share one run. */
export interface SingleFlight<T> {
  /**
   * Joins the run under way for `key`, or starts one. Nothing is remembered once the run has settled. `start` gets a
   * function that returns false after {@link SingleFlight.detach}: the result is then no longer the newest one.
   */
  run(key: string, start: (isAttached: () => boolean) => Promise<T>): Flight<T>
  /** Returns the run under way for `key`. */
  current(key: string): Promise<T> | undefined
  /** Makes the next caller start a new run. The run under way goes on for those who joined it. */
  detach(key: string): void
}

/** Creates a keyed single flight: one run at a time for each key, its result or failure shared by all who joined. */
export function createSingleFlight<T>(): SingleFlight<T> {
  const inFlight = new Map<string, Promise<T>>()
  return {
    run(key, start) {
      const joined = inFlight.get(key)
      if (joined) return { result: joined, joined: true }
      let settle: (result: Promise<T>) => void = () => {}
      const promise = new Promise<T>((resolve) => {
        settle = resolve
      })
      // Before it starts: what it calls at once may ask for the same run.
      inFlight.set(key, promise)
      const isAttached = () => inFlight.get(key) === promise
      const forget = () => {
        if (isAttached()) inFlight.delete(key)
      }
      settle(runToEnd(() => start(isAttached), forget))
      return { result: promise, joined: false }
    },
    current: (key) => inFlight.get(key),
    detach(key) {
      inFlight.delete(key)
    },
  }
}

async function runToEnd<T>(start: () => Promise<T>, forget: () => void): Promise<T> {
  try {
    return await start()
  } finally {
    forget()
  }
}

/** Returns a function that starts `run`, or joins the run under way. */
export function shareRun<T>(run: () => Promise<T>): () => Promise<T> {
  const flights = createSingleFlight<T>()
  return () => flights.run('', run).result
}

/** Creates a function that runs the works of one key one after another, where a single flight would share one run. */
export function createOrder<T>(): (key: string, work: () => Promise<T>) => Promise<T> {
  const newest = new Map<string, Promise<T>>()
  return async (key, work) => {
    const before = newest.get(key)
    const started = before ? before.then(work, work) : work()
    newest.set(key, started)
    try {
      return await started
    } finally {
      if (newest.get(key) === started) newest.delete(key)
    }
  }
}
