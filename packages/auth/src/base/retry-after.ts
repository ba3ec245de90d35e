const longestSeconds = 300

/**
 * Reads `Retry-After` (RFC 9110 §10.2.3: seconds or an HTTP date) as whole seconds from `now`, within 1 and 300, so
 * that an upstream can neither make clients hammer nor send them away for good; undefined when it says nothing usable.
 */
export function readRetryAfter(value: string | undefined, now: number): number | undefined {
  const text = value?.trim() ?? ''
  if (/^\d+$/.test(text)) return clampRetryAfter(Number(text))
  // Date.parse takes much that is no date ("-1", "1.5"): an HTTP date starts with the day's name.
  if (!/^[A-Z][a-z]{2,8},? /.test(text)) return undefined
  const at = Date.parse(text) / 1000
  return Number.isNaN(at) ? undefined : clampRetryAfter(at - now)
}

/** Whole seconds within 1 and 300. */
export function clampRetryAfter(seconds: number): number {
  return Math.min(longestSeconds, Math.max(1, Math.ceil(seconds)))
}
