import { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import type { AuthResponse } from './auth-request.js'
import type { Perennial } from './perennial.js'

const noStore = { 'cache-control': 'no-store' }

/** Creates a JSON answer that no cache may store. */
export function json(
  status: number,
  value: unknown,
  { headers = {}, cookies }: Pick<Partial<AuthResponse>, 'headers' | 'cookies'> = {},
): AuthResponse {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...noStore, ...headers },
    ...(cookies && { cookies }),
    body: JSON.stringify(value),
  }
}

/** Creates a 204 answer. */
export function noContent({
  headers = {},
  cookies,
}: Pick<Partial<AuthResponse>, 'headers' | 'cookies'> = {}): AuthResponse {
  return { status: 204, headers: { ...noStore, ...headers }, ...(cookies && { cookies }), body: null }
}

/** Returns the answer for an error. Everything but an {@link AuthError} becomes `AUTH_INTERNAL_ERROR`. */
export function errorResponse(thrown: unknown, environment: 'production' | 'development'): AuthResponse {
  const error = toAuthError(thrown, environment)
  const body: Record<string, unknown> = { error: error.message, code: error.code }
  if (error.retryable !== undefined) body['retryable'] = error.retryable
  return json(error.status, body, { headers: headersOf(error) })
}

/** Wraps an error that is no {@link AuthError}. Its name reaches the caller outside production only. */
export function toAuthError(thrown: unknown, environment: 'production' | 'development'): AuthError {
  if (thrown instanceof AuthError) return thrown
  const detail = environment === 'development' && thrown instanceof Error ? thrown.name : undefined
  return failure('internal', { cause: thrown, detail })
}

function headersOf(error: AuthError): Record<string, string> {
  const headers: Record<string, string> = { ...error.headers }
  if (error.status === 401) {
    // RFC 6750 §3: no error attribute when the request lacked a token altogether, but at least one parameter.
    headers['www-authenticate'] ??=
      error.code === 'AUTH_TOKEN_MISSING' ? 'Bearer realm="perennial"' : 'Bearer error="invalid_token"'
  }
  if (error.retryAfterSeconds !== undefined)
    headers['retry-after'] = String(Math.max(1, Math.ceil(error.retryAfterSeconds)))
  return headers
}

/** Returns the answer with the key set of our access tokens (RFC 7517 §5). Never rejects. */
export async function answerJwks(perennial: Perennial): Promise<AuthResponse> {
  try {
    // A key is published a day before it signs, so a set that is five minutes old is good enough.
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'public, max-age=300',
    }
    return { status: 200, headers, body: await perennial.readJwks() }
  } catch (error) {
    return perennial.toResponse(error)
  }
}
