import type { WaitUntil } from '../base/background.js'
import type { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import { isJsonObject, parseJsonObject, type JsonObject } from '../base/json.js'
import { isUsableToken } from '../base/formats.js'
import type { ProofRequest } from '../tokens/index.js'
import type { CookieRequest } from './cookies.js'

/** The places a token may come in. A token in a URL is never read. */
export interface Credentials {
  /** `Authorization`. */
  readonly authorization: string | undefined
  /** `x-memberstack-token`. */
  readonly memberstackToken: string | undefined
  /** The DPoP proof of the request, if it has a `DPoP` header. @defaultValue none */
  readonly proof?: ProofRequest | undefined
  /** The request, where a page's cookie may have the access token: with the option `pages`. @defaultValue none */
  readonly page?: CookieRequest | undefined
}

/** A request under `/v1/auth`, or to the webhook, as the adapters pass it. */
export interface AuthRequest {
  readonly method: string
  /** The path below the mount point, without a query: `/refresh-token`. */
  readonly path: string
  /** The part of the URL behind the `?`, as it was sent. Only the routes of operators read it. */
  readonly query?: string | undefined
  /** The caller's address, after the framework's own proxy rules. If it is not known, no limit of an address applies. */
  readonly ip?: string | undefined
  readonly requestId: string
  /** Gets the work that goes on after the answer. @defaultValue the `waitUntil` of `createPerennial` */
  readonly waitUntil?: WaitUntil | undefined
  /**
   * Returns the address of the request as its caller sees it: scheme, host and path, after the framework's own proxy rules. DPoP proofs
   * name it. @defaultValue it is not known, and no proof is valid
   */
  readonly url?: (() => string) | undefined
  /**
   * Returns true if the request comes from a proxy that the framework trusts, so that its `X-Forwarded-Method` and `X-Forwarded-Uri` count.
   * @defaultValue it does not
   */
  readonly isProxied?: (() => boolean) | undefined
  /** The framework's own object of the request, which `authenticate` may have got too. @defaultValue this object */
  readonly source?: object | undefined
  /** One header by its lower-case name. */
  header(name: string): string | undefined
  /** Reads the body. `maxBytes`: the largest one that is not `too_large`. @defaultValue {@link maxBodyBytes} */
  readBody(maxBytes?: number): Promise<BodyReading>
}

/** A body: the raw bytes, or what a body parser that ran before us made of them. */
export type BodyReading =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'parsed'; readonly value: unknown }
  | { readonly kind: 'too_large' }

/** A complete answer. Adapters copy it and add nothing. */
export interface AuthResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** `Set-Cookie` headers, one a cookie. They are added to the cookies of the app. @defaultValue none */
  readonly cookies?: readonly string[] | undefined
  readonly body: string | null
}

/** The largest body that is read under `/v1/auth`, in bytes. */
export const maxBodyBytes: number = 16 * 1024

/** The largest webhook that is read, in bytes: it contains the whole member, custom fields included. */
export const maxWebhookBytes: number = 1024 * 1024

/**
 * Reads the body as a JSON object. Returns null for anything else, also for a form that a body parser has read.
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
 * Refuses a request whose `Content-Length` is too large, on routes that read no body too. The body is read to its end.
 * @throws {@link AuthError} `AUTH_REQUEST_TOO_LARGE`
 */
export async function refuseLargeBody(request: AuthRequest): Promise<void> {
  const isLarge = Number(request.header('content-length')) > maxBodyBytes
  if (!isLarge) return
  await request.readBody()
  throw requestTooLarge()
}

/** `AUTH_REQUEST_TOO_LARGE` (413). */
export function requestTooLarge(maxBytes: number = maxBodyBytes): AuthError {
  return failure('requestTooLarge', { detail: `it is larger than ${maxBytes} bytes` })
}

const bearer = /^bearer +(\S+) *$/i

/**
 * Returns the token of `Authorization: Bearer` (RFC 6750 §2.1), or else of `x-memberstack-token`. Null if neither has a
 * usable one.
 */
export function readToken({ authorization, memberstackToken }: Credentials): string | null {
  const bearer = authorization === undefined ? undefined : bearerToken(authorization)
  return [bearer, memberstackToken].find(isUsableToken) ?? null
}

/** Returns the token that {@link readToken} would check, unchecked: for a look-up among tokens that were verified before. */
export function presentedToken({ authorization, memberstackToken }: Credentials): string | undefined {
  return (authorization && bearerToken(authorization)) || memberstackToken
}

function bearerToken(authorization: string): string | undefined {
  // The usual spelling, without a regular expression: this runs before every request.
  if (authorization.startsWith('Bearer ') && !authorization.includes(' ', 7)) return authorization.slice(7)
  return bearer.exec(authorization)?.[1]
}

/** Returns the DPoP proof of a request, or undefined if it has no such header. */
export function proofOf(request: AuthRequest): ProofRequest | undefined {
  const proof = request.header('dpop')
  if (proof === undefined) return undefined
  return { proof, method: request.method, url: request.url ?? (() => ''), source: request.source ?? request }
}

/** Returns the places a token may come in. */
export function credentialsOf(request: AuthRequest): Credentials {
  return {
    proof: proofOf(request),
    authorization: request.header('authorization'),
    memberstackToken: request.header('x-memberstack-token'),
    page: request,
  }
}
