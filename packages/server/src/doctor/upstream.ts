/** What an upstream said, or why nothing came. Bodies are kept only to be read, never shown. */
export type UpstreamAnswer =
  | {
      readonly kind: 'answered'
      readonly status: number
      readonly headers: Headers
      readonly text: string
      /** Seconds that the upstream's clock is ahead of ours; null where it names no `Date` (RFC 9110 §6.6.1). */
      readonly clockAheadSeconds: number | null
    }
  | { readonly kind: 'silent'; readonly reason: string }

const timeoutMs = 5000

/** More than any key set or member has. */
const maxBodyBytes = 1_000_000

/** One GET, never repeated and never redirected: a key goes to nobody but the address it is meant for. */
export async function askUpstream(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<UpstreamAnswer> {
  const sentAtMs = Date.now()
  try {
    const response = await fetch(url, {
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await readText(response)
    const clockAheadSeconds = clockAhead(response.headers.get('date'), sentAtMs)
    return {
      kind: 'answered',
      status: response.status,
      headers: response.headers,
      text,
      clockAheadSeconds,
    }
  } catch (error) {
    return { kind: 'silent', reason: reasonOf(error) }
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > maxBodyBytes) break
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** `Date` has whole seconds and was written between our two readings: the doubt is given to the clock. */
function clockAhead(date: string | null, sentAtMs: number): number | null {
  const theirMs = date === null ? Number.NaN : Date.parse(date)
  if (Number.isNaN(theirMs)) return null
  const receivedAtMs = Date.now()
  if (theirMs > receivedAtMs) return (theirMs - receivedAtMs) / 1000
  if (theirMs + 1000 < sentAtMs) return (theirMs + 1000 - sentAtMs) / 1000
  return 0
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no connection'
  if (error.name === 'TimeoutError') return 'no answer within 5 s'
  const { cause } = error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  if (code === 'UND_ERR_SOCKET') return 'the connection broke off'
  return code || 'no connection'
}
