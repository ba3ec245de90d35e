import type { Clock } from '../base/time.js'
import { HttpFailure, type HttpClient, type HttpResponse } from '../base/http-client.js'
import { field, isJsonObject, parseJsonObject, type JsonObject } from '../base/json.js'
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

/** 200, or 400 with a code of the admin API's own. `askedAt`: seconds since the epoch. */
export interface AdminAnswer {
  readonly kind: 'answered'
  readonly status: 200 | 400
  readonly json: JsonObject
  readonly askedAt: number
}

/** The reason why there is no answer, for the log. `isDown`: the API itself is in trouble, so it is called less. */
export interface AdminTrouble {
  readonly kind: 'trouble'
  readonly reason: Reason
  readonly error: string
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
}

/** Makes one request and reads its answer. The quota is the caller's concern. */
export type AdminExchange = (question: AdminQuestion) => Promise<AdminAnswer | AdminTrouble | Unheard>

const timeoutSeconds = 5

/** @throws TypeError when the URL or the key cannot be used */
export function createAdminExchange(options: AdminExchangeOptions): AdminExchange {
  const { httpClient, telemetry, clock } = options
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
      return read(response, askedAt)
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error
      observe('failed')
      return trouble(reasonOfExchange(error.kind), `the admin API gave no answer (${error.kind})`, 'down')
    }
  }
}

/** Reads an answer. Only 200 and a 400 of the API itself answer the question. */
function read(response: HttpResponse, askedAt: number): AdminAnswer | AdminTrouble | Unheard {
  const { status } = response
  if (status === 429)
    return { kind: 'unheard', pauseSeconds: readRetryAfter(response.headers['retry-after'], askedAt) ?? 1 }
  const json = parseJsonObject(response.body)
  const code = codeIn(json)
  if (isKeyRefused(status, code)) return keyRefused
  if (status === 200) return json ? { kind: 'answered', status, json, askedAt } : noJson
  if (status === 400 && json && code !== undefined) return { kind: 'answered', status, json, askedAt }
  const error = `the admin API answered with status ${status}`
  return trouble(`status_${status}`, error, status >= 500 ? 'down' : 'up')
}

/** A malformed key is answered 400, an unknown one 401, both with this code. */
function isKeyRefused(status: number, code: string | undefined): boolean {
  return code === 'validation/invalid-secret-key' || status === 401 || status === 403
}

function trouble(reason: Reason, error: string, health: 'up' | 'down'): AdminTrouble {
  return { kind: 'trouble', reason, error, isDown: health === 'down' }
}

/** The answer is JSON, but has not the documented form. It says nothing about other calls. */
export const notUnderstood: AdminTrouble = trouble(
  'malformed',
  'the admin API answered with something that is not what was asked for',
  'up',
)

/** The quota is used up: every caller gets this while it lasts. */
export const overQuota: AdminTrouble = trouble('quota', 'the quota of the admin API is used up', 'up')

const noJson: AdminTrouble = { ...notUnderstood, isDown: true }

const keyRefused: AdminTrouble = trouble(
  'key_refused',
  'the admin API refuses the secret key: check MEMBERSTACK_SECRET_KEY',
  'down',
)

function codeIn(json: JsonObject | null): string | undefined {
  const error = field(json, 'error')
  const code = field(isJsonObject(error) ? error : json, 'code')
  return typeof code === 'string' ? code : undefined
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
