import { HttpFailure, type HttpClient } from '@perennial/auth'

/** The answer of an upstream, or the reason why there is none. Bodies are read, and never printed. */
export type UpstreamAnswer =
  | {
      readonly kind: 'answered'
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
      readonly text: string
      /** Seconds that the upstream's clock is ahead of ours; null without a `Date` (RFC 9110 §6.6.1). */
      readonly clockAheadSeconds: number | null
    }
  /** It answers, with a body larger than any key set or member. */
  | { readonly kind: 'too-large' }
  | { readonly kind: 'silent'; readonly reason: string }

const timeoutSeconds = 5

/**
 * Sends one GET with the client of the service, so that both take the same way. It is not repeated, and a redirect is not
 * followed: a key goes to no other address.
 */
export async function askUpstream(
  httpClient: HttpClient,
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<UpstreamAnswer> {
  const sentAtMs = Date.now()
  try {
    const answer = await httpClient({ method: 'GET', url, headers, timeoutSeconds })
    const clockAheadSeconds = clockAhead(answer.headers['date'], sentAtMs)
    return {
      kind: 'answered',
      status: answer.status,
      headers: answer.headers,
      text: answer.body,
      clockAheadSeconds,
    }
  } catch (error) {
    if (error instanceof HttpFailure && error.kind === 'too-large') return { kind: 'too-large' }
    return { kind: 'silent', reason: reasonOf(error) }
  }
}

/** `Date` has whole seconds and was written between our two readings. The doubt counts as no difference. */
function clockAhead(date: string | undefined, sentAtMs: number): number | null {
  const theirMs = date === undefined ? Number.NaN : Date.parse(date)
  if (Number.isNaN(theirMs)) return null
  const receivedAtMs = Date.now()
  if (theirMs > receivedAtMs) return (theirMs - receivedAtMs) / 1000
  if (theirMs + 1000 < sentAtMs) return (theirMs + 1000 - sentAtMs) / 1000
  return 0
}

function reasonOf(error: unknown): string {
  if (!(error instanceof HttpFailure)) return 'no connection'
  if (error.kind === 'reset') return 'the connection broke off'
  if (error.kind === 'timeout')
    return error.sent ? `no answer within ${timeoutSeconds} s` : 'no connection in time'
  return error.cause instanceof Error ? error.cause.message : 'no connection'
}
