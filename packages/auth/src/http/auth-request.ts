import type { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import { isJsonObject, parseJsonObject, type JsonObject } from '../base/json.js'
import { isUsableToken } from '../base/token-text.js'

/** The two headers a token may come in. A token in a URL is never read. */
export interface Credentials {
  /** `Authorization`. */
  readonly authorization: string | undefined
  /** `x-memberstack-token`. */
  readonly memberstackToken: string | undefined
}

/** A request under `/v1/auth` (or to the webhook), as every adapter hands it in. */
export interface AuthRequest {
  readonly method: string
  /** The path below the mount point, without a query: `/refresh-token`. */
  readonly path: string
  /** The caller's address, after the framework's own proxy rules. */
  readonly ip: string
  readonly requestId: string
  /** One header by its lower-case name. */
  header(name: string): string | undefined
  readBody(): Promise<BodyReading>
}

/** A body: the raw bytes, or what a body parser that ran before us made of them. */
export type BodyReading =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'parsed'; readonly value: unknown }
  | { readonly kind: 'too_large' }

/** The answer, complete: adapters copy it and add nothing. */
export interface AuthResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

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

const bearer = /^bearer +(\S+) *$/i

/**
 * The token of `Authorization: Bearer`, else of `x-memberstack-token`. Where both hold a usable one, `Authorization` wins:
 * it is the one that RFC 6750 §2.1 knows. Null when neither does.
 */
export function readToken({ authorization, memberstackToken }: Credentials): string | null {
  const bearer = authorization === undefined ? undefined : bearerToken(authorization)
  return [bearer, memberstackToken].find(isUsableToken) ?? null
}

/** As {@link readToken}, but whatever stands there: for those who look first whether they know it. */
export function presentedToken({ authorization, memberstackToken }: Credentials): string | undefined {
  return (authorization && bearerToken(authorization)) || memberstackToken
}

function bearerToken(authorization: string): string | undefined {
  // The usual spelling, without a regular expression: this runs before every request.
  if (authorization.startsWith('Bearer ') && !authorization.includes(' ', 7)) return authorization.slice(7)
  return bearer.exec(authorization)?.[1]
}

/** The two headers a token may come in. */
export function credentialsOf(request: Pick<AuthRequest, 'header'>): Credentials {
  return {
    authorization: request.header('authorization'),
    memberstackToken: request.header('x-memberstack-token'),
  }
}
