const longestSeconds = 300

/**
 * Reads `Retry-After` (RFC 9110 §10.2.3: seconds or an HTTP date) as whole seconds from `now`, between 1 and 300, so that an
 * upstream can neither make clients retry at once nor keep them away for ever. Returns undefined if the value is not usable.
 */
export function readRetryAfter(value: string | undefined, now: number): number | undefined {
  const text = value?.trim() ?? ''
  if (/^\d+$/.test(text)) return clampRetryAfter(Number(text))
  // Date.parse accepts many texts that are no dates ("-1", "1.5"). An HTTP date starts with the name of the day.
  if (!/^[A-Z][a-z]{2,8},? /.test(text)) return undefined
  const at = Date.parse(text) / 1000
  return Number.isNaN(at) ? undefined : clampRetryAfter(at - now)
}

/** Rounds up to whole seconds, between 1 and 300. */
export function clampRetryAfter(seconds: number): number {
  return Math.min(longestSeconds, Math.max(1, Math.ceil(seconds)))
}
