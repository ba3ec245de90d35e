import { PerennialError } from './perennial-error.js'
import type { MemberstackDom, SessionInfo } from './session.js'
import type { TokenRecord } from './token-record.js'
import { endsWithin, readToken, serverTimeAt } from './token-times.js'

/** The service's answer, and its clock minus this machine's. */
export interface Tokens {
  readonly accessToken: string
  readonly refreshToken: string | undefined
  readonly userId: string | null
  readonly sid: string | undefined
  readonly offsetSeconds: number
}

/** One call of the service. */
export interface ServiceCall {
  readonly method?: 'GET' | 'DELETE'
  readonly route: 'refresh-token' | 'session' | 'sessions'
  readonly refreshToken?: string | undefined
  /** The session to end. */
  readonly sid?: string | undefined
  /** The member JWT of an exchange, or the access token of the session to end. */
  readonly bearer?: string | false | undefined
}

/** The service, and how it is called. */
export interface Service {
  readonly serviceUrl: string
  /** True if the refresh token is in the service's cookie. */
  readonly cookie: boolean
  /** Sends requests with a token of the session, with a proof if the session has one. */
  readonly fetchNow: typeof fetch
  /** The longest a call waits for a token, in seconds. */
  readonly timeoutSeconds: number
  readonly memberstack?: MemberstackDom | undefined
}

/** The JSON of an answer, not checked, and the answer's `Date`, in seconds since the epoch. */
interface Answer {
  readonly status: number
  readonly date: number
  readonly body: {
    readonly accessToken?: string
    readonly refreshToken?: string
    readonly sessions?: SessionInfo[]
    readonly code?: unknown
    readonly retryable?: unknown
  }
}

/**
 * Gets tokens from the service. Returns undefined if the service says that its cookie is not there (204).
 * @throws PerennialError if the answer is neither
 */
export async function callService(service: Service, call: ServiceCall): Promise<Tokens | undefined> {
  const { status, date, body } = await ask(service, call)
  if (service.cookie && status === 204) return undefined
  const { accessToken, refreshToken = call.refreshToken } = body
  const times = readToken(accessToken)
  const serverTime = serverTimeAt(times, date)
  // A token that cannot be read or has expired comes from something in between.
  if (!accessToken || endsWithin(times, 0, serverTime)) throw new PerennialError('CLIENT_NETWORK', 0, true)
  const { userId, sid } = times
  return { accessToken, refreshToken, userId, sid, offsetSeconds: serverTime - Date.now() / 1000 }
}

/**
 * Calls the service once. An answer without a code of the service's comes from something in between (a gateway, a captive
 * portal), and counts as no answer.
 * @throws PerennialError if the service refused or did not answer
 */
export async function ask(service: Service, call: ServiceCall): Promise<Answer> {
  let retryAfterSeconds: number | undefined
  let code = 'CLIENT_NETWORK'
  try {
    const response = await send(service, call)
    const { ok, status, headers } = response
    const date = Date.parse(`${headers.get('Date')}`) / 1000
    retryAfterSeconds = readRetryAfter(headers.get('Retry-After'), date)
    const body: Answer['body'] = status === 204 ? {} : Object(await response.json())
    if (ok) return { status, date, body }
    if (typeof body.code === 'string' && body.code.startsWith('AUTH_'))
      throw new PerennialError(
        body.code,
        status,
        body.retryable === true || status === 429 || status > 499,
        retryAfterSeconds,
      )
  } catch (error) {
    // Thrown above, or by `session.fetch`, which can be `fetchNow`.
    if (error instanceof PerennialError) throw error
    if (Object(error).name === 'TimeoutError') code = 'CLIENT_TIMEOUT'
  }
  throw new PerennialError(code, 0, true, retryAfterSeconds)
}

/**
 * Tells the service that the session of a record has ended. Returns true if the service answered. The cookie comes by itself,
 * and may be another session's: a sibling origin has signed somebody in. The service then leaves it alone, and ends the
 * session of the access token.
 */
export function endSession(service: Service, record: Partial<TokenRecord>): Promise<boolean> {
  const bearer = service.cookie && record.accessToken
  return ask(service, { ...record, method: 'DELETE', route: 'session', bearer }).then(
    () => true,
    ({ retryable }: PerennialError) => !retryable,
  )
}

/** Sends tokens in the body and in `Authorization`, never in the URL. Redirects are not followed. */
function send(service: Service, call: ServiceCall): Promise<Response> {
  const { method = 'POST', route, refreshToken, sid, bearer } = call
  return service.fetchNow(service.serviceUrl.replace(/\/*$/, '/v1/auth/') + route, {
    method,
    headers: {
      'Content-Type': 'application/json',
      ...(bearer && { Authorization: `Bearer ${bearer}` }),
      ...(service.cookie && { 'X-CSRF': '1' }),
    },
    ...(method !== 'GET' && { body: JSON.stringify({ refreshToken, sid }) }),
    credentials: service.cookie ? 'include' : 'same-origin',
    redirect: 'error',
    // A sign-out is delivered even if the page is left right after it.
    keepalive: method === 'DELETE',
    // Shorter than the callers' wait, so that a second attempt fits in. The time includes the answer's body.
    signal: AbortSignal.timeout(service.timeoutSeconds * 600),
  })
}

/** Reads `Retry-After` (RFC 9110 §10.2.3). A date is compared with the answer's `Date`, not with this machine's clock. */
function readRetryAfter(value: string | null, date: number): number | undefined {
  return Math.max(Number(value) || Date.parse(`${value}`) / 1000 - date, 0) || undefined
}
