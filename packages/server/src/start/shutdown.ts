/** Stops the parts of the service in the reverse order of their start. */
export interface Teardown {
  add(end: () => Promise<void>): void
  /** Runs once; a part that fails to stop does not keep the others from stopping. */
  run(): Promise<void>
}

/** @param onFailure - called with the error of each part that fails to stop */
export function createTeardown(onFailure: (error: unknown) => void): Teardown {
  const ends: (() => Promise<void>)[] = []
  const runAll = async () => {
    for (const end of ends.toReversed()) {
      try {
        await end()
      } catch (error) {
        onFailure(error)
      }
    }
  }
  let running: Promise<void> | null = null
  return {
    add: (end) => void ends.push(end),
    run: () => (running ??= runAll()),
  }
}

/** The part of a process that {@link stopOnSignals} uses. */
export interface SignalledProcess {
  on(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown
  exit(code: number): void
}

const shutdownLimitSeconds = 10

/** Closes the service on SIGTERM or SIGINT. A second signal, or a shutdown over the limit, exits with code 1 at once. */
export function stopOnSignals(process: SignalledProcess, close: () => Promise<void>): void {
  let stopping = false
  const stop = () => {
    if (stopping) {
      process.exit(1)
      return
    }
    stopping = true
    setTimeout(() => process.exit(1), shutdownLimitSeconds * 1000).unref()
    void close().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}
