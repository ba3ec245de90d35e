import type { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import { isJsonObject, parseJsonObject, type JsonObject } from '../base/json.js'
import type { AuthRequest } from './auth-request.js'

/** The largest body that is read, in bytes. */
export const maxBodyBytes: number = 16 * 1024

/**
 * The body as a JSON object; null when it is anything else. What a body parser made of a form is not JSON.
 * @throws {@link AuthError} `AUTH_REQUEST_TOO_LARGE`
 */
export async function readJsonObject(request: AuthRequest): Promise<JsonObject | null> {
  const reading = await request.readBody()
  if (reading.kind === 'too_large') throw requestTooLarge()
  if (reading.kind === 'bytes') return parseJsonObject(new TextDecoder().decode(reading.bytes))
  const isJson = /\bjson\b/i.test(request.header('content-type') ?? '')
  return isJson && isJsonObject(reading.value) ? reading.value : null
}

/**
 * Refuses a body that says it is too large, on routes that read none too. It is let pass all the same.
 * @throws {@link AuthError} `AUTH_REQUEST_TOO_LARGE`
 */
export async function refuseLargeBody(request: AuthRequest): Promise<void> {
  const isLarge = Number(request.header('content-length')) > maxBodyBytes
  if (!isLarge) return
  await request.readBody()
  throw requestTooLarge()
}

/** `AUTH_REQUEST_TOO_LARGE` (413). */
export function requestTooLarge(): AuthError {
  return failure('requestTooLarge', { detail: `it is larger than ${maxBodyBytes} bytes` })
}
