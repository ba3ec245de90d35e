import type { HttpFailure, HttpResponse } from '../base/http-client.js'
import { field, isJsonObject, parseJsonObject, type JsonObject } from '../base/json.js'
import { reasonOfExchange, type Reason } from '../base/reasons.js'
import { readRetryAfter } from '../base/retry-after.js'
import type { Settled } from './sealed-answer.js'

/** Trouble at the refresh API, as the use case hears of it. */
export type UpstreamTrouble = Extract<Settled, { readonly kind: 'unavailable' }>

const refusals: ReadonlySet<string> = new Set([
  'invalid_grant',
  'invalid_token',
  'invalid_refresh_token',
  'expired_token',
])
const longestToken = 4096

/**
 * What an answer of the refresh API means: tokens in one of the three accepted shapes; a refusal by 401, or by 400 whose
 * JSON names one of four codes to the letter; trouble whatever else it is.
 */
export function readUpstreamAnswer(response: HttpResponse, now: number): Settled {
  const { status } = response
  if (status >= 200 && status < 300) return readTokens(response)
  if (status === 401 || (status === 400 && namesRefusal(response))) return refused
  const isNoAnswer = status === 429 || status >= 500
  return trouble(
    isNoAnswer ? 503 : 502,
    `status_${status}`,
    readRetryAfter(response.headers['retry-after'], now),
  )
}

/** What it means that no answer came. */
export function readUpstreamFailure(failure: HttpFailure): UpstreamTrouble {
  // Too large is an answer, only not one that can be taken.
  return trouble(failure.kind === 'too-large' ? 502 : 503, reasonOfExchange(failure.kind))
}

/** Trouble at the refresh API; its callers are asked back after a second where it did not say when. */
export function trouble(status: 502 | 503, reason: Reason, retryAfterSeconds = 1): UpstreamTrouble {
  return { kind: 'unavailable', status, reason, retryAfterSeconds, target: 'refresh' }
}

const refused: Settled = { kind: 'refused', reason: 'upstream' }

function readTokens(response: HttpResponse): Settled {
  const tokens = findTokens(parseJsonObject(response.body))
  if (!tokens) return trouble(502, 'no_access_token')
  const refreshToken = field(tokens, 'refreshToken')
  const { accessToken } = tokens
  if (refreshToken === undefined || refreshToken === null || refreshToken === '') {
    return { kind: 'answered', accessToken }
  }
  // One that the client could not present to us again would cost it the session an hour later, unseen.
  if (!isPresentable(refreshToken)) return trouble(502, 'unusable_refresh_token')
  return { kind: 'answered', accessToken, refreshToken }
}

function findTokens(answer: JsonObject | null): (JsonObject & { readonly accessToken: string }) | undefined {
  const data = objectIn(answer, 'data')
  return [answer, data, objectIn(data, 'tokens')].find(holdsAccessToken)
}

function objectIn(object: JsonObject | null, name: string): JsonObject | null {
  const value = field(object, name)
  return isJsonObject(value) ? value : null
}

function holdsAccessToken(
  object: JsonObject | null,
): object is JsonObject & { readonly accessToken: string } {
  const accessToken = field(object, 'accessToken')
  return typeof accessToken === 'string' && accessToken !== ''
}

function isPresentable(token: unknown): token is string {
  return typeof token === 'string' && token.length <= longestToken && /^[\x21-\x7e]+$/.test(token)
}

function namesRefusal(response: HttpResponse): boolean {
  const answer = parseJsonObject(response.body)
  return ['error', 'code'].some((name) => {
    const value = field(answer, name)
    return typeof value === 'string' && refusals.has(value)
  })
}
