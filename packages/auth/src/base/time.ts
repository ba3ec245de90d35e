/**
 * Returns the time in seconds since the epoch, as in a JWT's `exp` (RFC 7519 §2, NumericDate). May have a fraction: code
 * that stores or signs an instant rounds it down.
 */
export type Clock = () => number

/** The clock of this machine. */
export const systemClock: Clock = () => Date.now() / 1000

/** Formats an instant as ISO 8601 in UTC. */
export function toIsoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}

/** Runs a function every `everySeconds` until the returned function is called. */
export type Ticker = (everySeconds: number, run: () => void) => () => void

/** The interval timer of this machine. It keeps no process alive. */
export const systemTicker: Ticker = (everySeconds, run) => {
  const timer = setInterval(run, everySeconds * 1000)
  // In Deno and in workers it may be a number.
  if (typeof timer === 'object') timer.unref()
  return () => clearInterval(timer)
}

/** Runs a function once after `afterSeconds`. The returned function cancels it. */
export type Timer = (afterSeconds: number, run: () => void) => () => void

/** The timer of this machine. */
export const systemTimer: Timer = (afterSeconds, run) => {
  const handle = setTimeout(run, Math.ceil(afterSeconds * 1000))
  return () => clearTimeout(handle)
}
