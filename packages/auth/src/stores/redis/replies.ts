/** Returns the first word of an error reply, which names its kind (`OOM`, `READONLY`, `NOSCRIPT`). */
export function replyCode(error: unknown): string | null {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return null
  return /^[A-Z]+\b/.exec(error.message)?.[0] ?? 'ERR'
}

/** Returns the code of the operating system or of TLS (`ECONNREFUSED`). */
export function networkCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error ? String(error.code) : null
}

/** Returns the error of the last node for that of a Cluster client, which reports that all nodes failed. */
export function lastOf(error: unknown): unknown {
  return error instanceof Error && 'lastNodeError' in error ? error.lastNodeError : error
}
