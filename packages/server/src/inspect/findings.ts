import { systemClock, type Session } from '@perennial/auth'

/** The findings about a token. */
export interface Findings {
  readonly lines: readonly string[]
  /** The reasons for a refusal, each with its code; the service answers with the first. */
  readonly refusals: readonly string[]
  /** The checks that could not be made, and why. A token is not called accepted while there is one. */
  readonly unchecked?: string | undefined
}

/** Formats a value from a token for a terminal. A token may contain control characters, so only visible ASCII is kept. */
export function show(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing')
  const plain = text.replaceAll(/[^\x20-\x7e]/g, '?')
  return plain.length > 80 ? `${plain.slice(0, 80)}…` : plain
}

/** Formats an instant, in seconds, and its distance from now. */
export function when(instant: number): string {
  const date = new Date(instant * 1000)
  const relative = instant > systemClock() ? `in ${untilNow(instant)}` : `${untilNow(instant)} ago`
  return Number.isNaN(date.getTime()) ? show(instant) : `${date.toISOString()} (${relative})`
}

/** Formats the time between an instant, in seconds, and now, for example `12 min`. */
export function untilNow(instant: number): string {
  const seconds = Math.round(Math.abs(systemClock() - instant))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`
}

/** Returns the end of a session as a clause: when, and why. */
export function endOf({ endedAt, endReason }: Session): string {
  return `its session ended ${untilNow(endedAt ?? 0)} ago (${endReason ?? 'unknown'})`
}

/** Formats the thumbprint of a key. It is no secret; the first characters are enough to compare it. */
export function shortKey(jkt: string): string {
  return `${jkt.slice(0, 8)}…`
}
