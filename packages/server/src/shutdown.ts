/** What {@link stopOnSignals} needs of a process. */
export interface SignalledProcess {
  on(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown
  exit(code: number): void
}

/** The longest an orderly end may take, in seconds. */
const patienceSeconds = 10

/** Ends the service when asked to; a second request, or the end of our patience, ends the process as it stands. */
export function stopOnSignals(process: SignalledProcess, close: () => Promise<void>): void {
  let stopping = false
  const stop = () => {
    if (stopping) {
      process.exit(1)
      return
    }
    stopping = true
    setTimeout(() => process.exit(1), patienceSeconds * 1000).unref()
    void close().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}
