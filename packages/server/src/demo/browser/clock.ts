const key = 'perennial-demo-clock'
const honestNow = Date.now.bind(Date)

/** Returns the error of the page's clock in seconds. All tabs share it, as they share a computer's clock. */
export function clockErrorSeconds(): number {
  return Number(localStorage.getItem(key)) || 0
}

/** Sets the error of the page's clock; 0 corrects it. */
export function setClockError(seconds: number): void {
  if (seconds === 0) localStorage.removeItem(key)
  else localStorage.setItem(key, String(seconds))
}

/** Replaces `Date.now` with the page's clock, so that the client uses it. */
export function overrideClock(): void {
  Date.now = () => honestNow() + clockErrorSeconds() * 1000
}

/** Returns the service's time in seconds since the epoch: it runs on this machine. */
export function serviceNow(): number {
  return honestNow() / 1000
}

/** Formats seconds since the epoch as `14:03:09`. */
export function timeOfDay(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString([], { hourCycle: 'h23' })
}
