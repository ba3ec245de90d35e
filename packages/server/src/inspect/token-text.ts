/** Formats a value from a token for a terminal. A token may contain control characters, so only visible ASCII is kept. */
export function show(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing')
  const plain = text.replaceAll(/[^\x20-\x7e]/g, '?')
  return plain.length > 80 ? `${plain.slice(0, 80)}…` : plain
}

/** Formats an instant, in seconds, and its distance from now. */
export function when(instant: number, now: number): string {
  const date = new Date(instant * 1000)
  const relative = instant > now ? `in ${duration(instant - now)}` : `${duration(now - instant)} ago`
  return Number.isNaN(date.getTime()) ? show(instant) : `${date.toISOString()} (${relative})`
}

/** Formats a duration, for example `12 min`. */
export function duration(seconds: number): string {
  const whole = Math.round(Math.abs(seconds))
  if (whole < 120) return `${whole} s`
  if (whole < 7200) return `${Math.round(whole / 60)} min`
  return whole < 172_800 ? `${Math.round(whole / 3600)} h` : `${Math.round(whole / 86_400)} days`
}
