/** Runs something every so many seconds until the returned function is called. */
export type Ticker = (everySeconds: number, run: () => void) => () => void

/** The machine's timer, which keeps no process alive. */
export const systemTicker: Ticker = (everySeconds, run) => {
  const timer = setInterval(run, everySeconds * 1000)
  timer.unref()
  return () => clearInterval(timer)
}
