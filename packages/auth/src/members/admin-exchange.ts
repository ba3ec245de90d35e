import type { Clock } from '../base/time.js'
import { HttpFailure, type HttpClient, type HttpResponse } from '../base/http-client.js'
import { field, isJsonObject, parseJsonObject, type JsonObject } from '../base/json.js'
import { causeOfExchange, nameForm } from '../base/causes.js'
import { reasonOfExchange, type Reason } from '../base/reasons.js'
import { readRetryAfter } from '../base/retry-after.js'
import type { Telemetry } from '../telemetry/index.js'

/** One question to the admin API. */
export interface AdminQuestion {
  readonly method: 'GET' | 'POST'
  /** Below the admin URL, without a leading slash, every part encoded. */
  readonly path: string
  readonly body?: string
}

/** An answer of the admin API itself: 200, or a refusal (4xx) with its own code or message. */
export interface AdminAnswer {
  readonly kind: 'answered'
  readonly status: number
  readonly json: JsonObject
  /** Null for 200. */
  readonly refusal: AdminRefusal | null
  /** Seconds since the epoch. */
  readonly askedAt: number
}

/** A refusal in the words of the admin API. */
export interface AdminRefusal {
  /** In lower case, with hyphens between its words; null if there is only a message. */
  readonly code: string | null
  /** For people; null if there is only a code. */
  readonly message: string | null
}

/** The reason why there is no answer, for the log. `isDown`: the API itself is in trouble, so it is called less. */
export interface AdminTrouble {
  readonly kind: 'trouble'
  readonly reason: Reason
  readonly error: string
  /** As `error`, without the name of the API, and with codes. */
  readonly cause: string
  readonly isDown: boolean
}

/** The quota of the address is used up: the call had no effect and may be repeated. */
export interface Unheard {
  readonly kind: 'unheard'
  readonly pauseSeconds: number
}

/** Options of {@link createAdminExchange}. */
export interface AdminExchangeOptions {
  /** `https://admin.memberstack.com` */
  readonly adminUrl: string
  /** `sk_…`: sent to that URL's origin and nowhere else. */
  readonly secretKey: string
  readonly httpClient: HttpClient
  readonly telemetry: Telemetry
  readonly clock: Clock
  /** Gets the `Date` of each answer of the admin API itself. @defaultValue nobody */
  readonly onDate?: ((date: string | undefined, receivedAt: number) => void) | undefined
}

/** Makes one request and reads its answer. The quota is the caller's concern. */
export type AdminExchange = (question: AdminQuestion) => Promise<AdminAnswer | AdminTrouble | Unheard>

const timeoutSeconds = 5

/** @throws TypeError when the URL or the key cannot be used */
export function createAdminExchange(options: AdminExchangeOptions): AdminExchange {
  const { httpClient, telemetry, clock, onDate } = options
  const baseUrl = baseUrlFrom(options.adminUrl)
  const headers = headersFrom(options.secretKey)

  return async ({ method, path, body }) => {
    const askedAt = clock()
    const observe = (outcome: 'ok' | 'refused' | 'failed') =>
      telemetry.observeUpstream({ target: 'admin', outcome, durationSeconds: clock() - askedAt })
    try {
      const url = baseUrl + path
      const response = await httpClient({ method, url, headers, timeoutSeconds, ...(body ? { body } : {}) })
      observe(outcomeOf(response.status))
      const came = read(response, askedAt)
      if (came.kind === 'answered') onDate?.(response.headers['date'], clock())
      return came
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error
      observe('failed')
      return trouble(reasonOfExchange(error.kind), {
        error: `the admin API gave no answer (${error.kind})`,
        cause: causeOfExchange(error, timeoutSeconds),
        health: 'down',
      })
    }
  }
}

/** Reads an answer. Only 200 and a refusal of the API itself answer the question. */
function read(response: HttpResponse, askedAt: number): AdminAnswer | AdminTrouble | Unheard {
  const { status } = response
  if (status === 429)
    return { kind: 'unheard', pauseSeconds: readRetryAfter(response.headers['retry-after'], askedAt) ?? 1 }
  const json = parseJsonObject(response.body)
  if (status === 200)
    return json ? { kind: 'answered', status, json, refusal: null, askedAt } : noJson(response.body)
  const refusal = Math.floor(status / 100) === 4 ? refusalIn(json) : null
  // Nothing else is about the key: a 401 or 403 may be about a token, a member or a firewall's rule.
  if (refusal?.code === 'validation/invalid-secret-key') return keyRefused
  if (json && refusal) return { kind: 'answered', status, json, refusal, askedAt }
  return troubleOf(status, response.body)
}

interface TroubleText {
  readonly error: string
  readonly cause: string
  readonly health: 'up' | 'down'
}

function trouble(reason: Reason, { error, cause, health }: TroubleText): AdminTrouble {
  return { kind: 'trouble', reason, error, cause, isDown: health === 'down' }
}

/** The trouble of an answer that does not answer the question. Below 500 it says nothing about other questions. */
export function troubleOf(status: number, body?: string): AdminTrouble {
  return trouble(`status_${status}`, {
    error: `the admin API answered with status ${status}`,
    cause: `status ${status}${body === undefined ? '' : nameForm(body)}`,
    health: status >= 500 ? 'down' : 'up',
  })
}

/** The answer is JSON, but has not the documented form. It says nothing about other calls. */
export const notUnderstood: AdminTrouble = trouble('malformed', {
  error: 'the admin API answered with something that is not what was asked for',
  cause: 'JSON of another form than documented',
  health: 'up',
})

/** The quota is used up: every caller gets this while it lasts. */
export const overQuota: AdminTrouble = trouble('quota', {
  error: 'the quota of the admin API is used up',
  cause: 'the quota of requests is used up: see MEMBERSTACK_REQUESTS_PER_SECOND',
  health: 'up',
})

function noJson(body: string): AdminTrouble {
  return { ...notUnderstood, cause: `status 200${nameForm(body)}`, isDown: true }
}

const keyRefused: AdminTrouble = trouble('key_refused', {
  error: 'the admin API refuses the secret key: check MEMBERSTACK_SECRET_KEY',
  cause: 'it refuses the secret key: check MEMBERSTACK_SECRET_KEY',
  health: 'down',
})

/** Documents of different years have `{code, message}`, `{error: {code, message}}` and `{error: message}`. */
function refusalIn(json: JsonObject | null): AdminRefusal | null {
  const error = field(json, 'error')
  const inner = isJsonObject(error) ? error : json
  const code = field(inner, 'code')
  const message = typeof error === 'string' ? error : field(inner, 'message')
  const refusal = {
    code: typeof code === 'string' ? code.toLowerCase().replaceAll('_', '-') : null,
    message: typeof message === 'string' ? message : null,
  }
  return refusal.code === null && refusal.message === null ? null : refusal
}

function outcomeOf(status: number): 'ok' | 'refused' | 'failed' {
  if (status >= 500) return 'failed'
  return status < 300 ? 'ok' : 'refused'
}

function baseUrlFrom(adminUrl: string): string {
  const url = URL.parse(adminUrl)
  const isUsable = url && /^https?:$/.test(url.protocol) && !url.username && !url.password
  if (!isUsable || url.search || url.hash) {
    throw new TypeError('the admin URL must be an http(s) URL, e.g. https://admin.memberstack.com')
  }
  return url.href.endsWith('/') ? url.href : `${url.href}/`
}

function headersFrom(secretKey: string): Readonly<Record<string, string>> {
  if (!/^[\x21-\x7e]{1,512}$/.test(secretKey)) {
    throw new TypeError('the Memberstack secret key must be visible ASCII, e.g. sk_…')
  }
  return { 'x-api-key': secretKey, accept: 'application/json', 'content-type': 'application/json' }
}
