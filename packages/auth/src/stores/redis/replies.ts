/** Returns the first word of an error reply, which names its kind (`OOM`, `READONLY`, `NOSCRIPT`). */
export function replyCode(error: unknown): string | null {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return null
  return /^[A-Z]+\b/.exec(error.message)?.[0] ?? 'ERR'
}

/**
 * Returns the kind of an error for the log: the first word of the reply, with the right that is missing where that is the cause
 * (`NOPERM keys`, `NOPERM channels`, `NOPERM command info`), or the code of the operating system or of TLS; null without one.
 */
export function kindOfError(error: unknown): string | null {
  const right = error instanceof Error && error.name === 'ReplyError' ? missingRight(error.message) : null
  return right ?? replyCode(error) ?? networkCode(error)
}

/** Redis 6 and 7 and Valkey have different texts. In a script, Redis 7 says `ACL failure in script`. */
function missingRight(message: string): string | null {
  if (!/^NOPERM|ACL failure in script/.test(message)) return null
  if (/channel/.test(message)) return 'NOPERM channels'
  const command = /run the '([\w|-]{1,30})' command/.exec(message)?.[1]
  if (command !== undefined) return `NOPERM command ${command}`
  return /\bkeys?\b/.test(message) ? 'NOPERM keys' : 'NOPERM'
}

/** Returns the code of the operating system or of TLS (`ECONNREFUSED`). */
export function networkCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error ? String(error.code) : null
}

/** Returns the error of the last node for that of a Cluster client, which reports that all nodes failed. */
export function lastOf(error: unknown): unknown {
  return error instanceof Error && 'lastNodeError' in error ? error.lastNodeError : error
}
