import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import type { AuthResponse } from './auth-request.js'
import type { Perennial } from './perennial.js'

const noStore = { 'cache-control': 'no-store' }

/** A JSON answer that nobody may keep. */
export function json(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): AuthResponse {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...noStore, ...headers },
    body: JSON.stringify(value),
  }
}

/** 204: done, nothing to say. */
export function noContent(headers: Readonly<Record<string, string>> = {}): AuthResponse {
  return { status: 204, headers: { ...noStore, ...headers }, body: null }
}

/** The answer for whatever was thrown. Only an {@link AuthError} says what it is; the rest is `AUTH_INTERNAL_ERROR`. */
export function errorResponse(thrown: unknown, environment: 'production' | 'development'): AuthResponse {
  const error = toAuthError(thrown, environment)
  const body: Record<string, unknown> = { error: error.message, code: error.code }
  if (error.retryable !== undefined) body['retryable'] = error.retryable
  return json(error.status, body, headersOf(error))
}

/** Wraps what is not ours; its text reaches the caller outside production only. */
export function toAuthError(thrown: unknown, environment: 'production' | 'development'): AuthError {
  if (thrown instanceof AuthError) return thrown
  const detail = environment === 'development' && thrown instanceof Error ? thrown.name : undefined
  return failure('internal', { cause: thrown, detail })
}

function headersOf(error: AuthError): Record<string, string> {
  const headers: Record<string, string> = { ...error.headers }
  if (error.status === 401) {
    // RFC 6750 §3: no error attribute when the request lacked a token altogether.
    headers['www-authenticate'] =
      error.code === 'AUTH_TOKEN_MISSING' ? 'Bearer' : 'Bearer error="invalid_token"'
  }
  if (error.retryAfterSeconds !== undefined)
    headers['retry-after'] = String(Math.max(1, Math.ceil(error.retryAfterSeconds)))
  return headers
}

/** The answer with the key set of our access tokens (RFC 7517 §5). Never rejects. */
export async function answerJwks(perennial: Perennial): Promise<AuthResponse> {
  try {
    // Keys are published a day before they sign, so everybody may keep the set for a while.
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'public, max-age=300',
    }
    return { status: 200, headers, body: await perennial.readJwks() }
  } catch (error) {
    return perennial.toResponse(error)
  }
}
