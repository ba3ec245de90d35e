const key = 'perennial-demo-clock'
const honestNow = Date.now.bind(Date)

/** By how much the page's clock is wrong, in seconds: in all tabs, as with a real computer. */
export function clockErrorSeconds(): number {
  return Number(localStorage.getItem(key)) || 0
}

/** Sets the page's clock wrong, or right again with 0. */
export function setClockError(seconds: number): void {
  if (seconds === 0) localStorage.removeItem(key)
  else localStorage.setItem(key, String(seconds))
}

/** What the client is told of the time from now on. */
export function overrideClock(): void {
  Date.now = () => honestNow() + clockErrorSeconds() * 1000
}

/** The service runs on this machine: its time, in seconds since the epoch. */
export function serviceNow(): number {
  return honestNow() / 1000
}

/** `14:03:09`, of seconds since the epoch. */
export function timeOfDay(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour12: false })
}
