import { PerennialError } from './perennial-error.js'
import { endsWithin, readToken, serverTimeAt } from './token-times.js'

/** The service's answer, and its clock minus this machine's. */
export interface Tokens {
  readonly accessToken: string
  readonly refreshToken: string | undefined
  readonly offsetSeconds: number
}

/** One call of the service. */
export interface ServiceCall {
  readonly method?: 'DELETE'
  readonly route: 'refresh-token' | 'session'
  readonly refreshToken?: string | undefined
  readonly memberJwt?: string | undefined
}

/** The service, and how it is called. */
export interface Service {
  readonly serviceUrl: string
  /** True if the refresh token is in the service's cookie. */
  readonly cookie: boolean
  readonly fetchNow: typeof fetch
  /** The longest a call waits for a token, in seconds. */
  readonly timeoutSeconds: number
}

/** The JSON of an answer, not checked. */
interface Answer {
  readonly accessToken?: string
  readonly refreshToken?: string
  readonly code?: unknown
  readonly retryable?: unknown
}

/**
 * Calls the service once. An answer with neither tokens nor a `code` comes from something in between (a proxy, a captive
 * portal), and counts as no answer.
 * @throws PerennialError if the answer is not tokens
 */
export async function callService(service: Service, call: ServiceCall): Promise<Tokens> {
  let code = 'CLIENT_NETWORK'
  let status = 0
  let retryable = true
  let retryAfterSeconds: number | undefined
  try {
    const response = await send(service, call)
    const date = Date.parse(`${response.headers.get('Date')}`) / 1000
    retryAfterSeconds = readRetryAfter(response.headers.get('Retry-After'), date)
    const answer: Answer = await response.json()
    const tokens = response.ok && readTokens(answer, date, call)
    if (tokens) return tokens
    if (!response.ok && typeof answer.code === 'string') {
      ;({ status } = response)
      ;({ code } = answer)
      retryable = answer.retryable === true || status === 429 || status > 499
    }
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') code = 'CLIENT_TIMEOUT'
  }
  throw new PerennialError(code, status, retryable, retryAfterSeconds)
}

/** Sends tokens in the body and in `Authorization`, never in the URL. Redirects are not followed. */
export function send(
  service: Service,
  { method, route, refreshToken, memberJwt }: ServiceCall,
): Promise<Response> {
  return service.fetchNow(service.serviceUrl.replace(/\/*$/, '/v1/auth/') + route, {
    method: method ?? 'POST',
    headers: {
      'Content-Type': 'application/json',
      ...(memberJwt && { Authorization: `Bearer ${memberJwt}` }),
      ...(service.cookie && { 'X-CSRF': '1' }),
    },
    body: JSON.stringify({ refreshToken }),
    credentials: service.cookie ? 'include' : 'same-origin',
    redirect: 'error',
    // A sign-out is delivered even if the page is left right after it.
    keepalive: !!method,
    // Shorter than the callers' wait, so that a second attempt fits in. The time includes the answer's body.
    signal: AbortSignal.timeout(service.timeoutSeconds * 600),
  })
}

/** Returns undefined if the token cannot be read or has expired. */
function readTokens(answer: Answer, date: number, { refreshToken }: ServiceCall): Tokens | undefined {
  const { accessToken } = answer
  const times = readToken(accessToken)
  const serverTime = serverTimeAt(times, date)
  if (!accessToken || endsWithin(times, 0, serverTime)) return undefined
  const offsetSeconds = serverTime - Date.now() / 1000
  return { accessToken, refreshToken: answer.refreshToken ?? refreshToken, offsetSeconds }
}

/** Reads `Retry-After` (RFC 9110 §10.2.3). A date is compared with the answer's `Date`, not with this machine's clock. */
function readRetryAfter(value: string | null, date: number): number | undefined {
  return Math.max(Number(value) || Date.parse(`${value}`) / 1000 - date, 0) || undefined
}
