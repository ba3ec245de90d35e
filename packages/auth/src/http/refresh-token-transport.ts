import { failure } from '../base/failures.js'
import { field } from '../base/json.js'
import type { Clock } from '../base/time.js'
import { decodeToken } from '../tokens/index.js'
import { type AuthRequest, readJsonObject } from './auth-request.js'
import { boundCookieNames, createOriginCheck, formatCookie, readCookie, type SameSite } from './cookies.js'

/** The tokens of an answer. Without a refresh token the caller keeps the one that it has. */
export interface IssuedTokens {
  readonly accessToken: string
  readonly refreshToken?: string | undefined
}

/** The way in which the refresh token travels between browser and service. */
export interface RefreshTokenTransport {
  /** Returns what the request presents as a refresh token; undefined if it presents nothing. */
  read(request: AuthRequest): Promise<unknown>
  /**
   * Returns the id of the session that a sign-out means, as the request has it; undefined if it names none. A cookie comes by
   * itself, and may have become that of another session since the page was loaded.
   */
  readMeantSession(request: AuthRequest): Promise<unknown>
  /** The attribute of the cookies. */
  readonly sameSite: SameSite
  /** True if a script of the page sends the refresh token, and can send a DPoP proof with it. */
  readonly takesProofs: boolean
  /** The answer to a refresh that presents nothing: a visitor without a cookie is no error. */
  readonly absence: 'refused' | 'no_content'
  /** Returns the fields of an answer that carries tokens, beside the access token, and its `Set-Cookie` headers. */
  hand(tokens: IssuedTokens): {
    readonly fields: Record<string, string>
    readonly cookies: readonly string[]
  }
  /**
   * Returns the `Set-Cookie` headers that make the browser delete the cookies. Those that show keys are deleted if the request has them, so
   * that the browser finds out that its session has ended.
   */
  forget(request: AuthRequest): readonly string[]
  /** Checks a write. @throws {@link AuthError} `AUTH_ORIGIN_DENIED`: another site may have caused it */
  guard(request: AuthRequest): void
}

/** Creates the transport in JSON bodies. The caller stores the token. */
export function createBodyTransport(): RefreshTokenTransport {
  return {
    read: async (request) => field(await readJsonObject(request), 'refreshToken'),
    // A refresh token that the page sends is of the session that the page means.
    readMeantSession: async () => undefined,
    takesProofs: true,
    sameSite: 'Strict',
    absence: 'refused',
    hand: ({ refreshToken }) => ({ fields: refreshToken === undefined ? {} : { refreshToken }, cookies: [] }),
    forget: () => [],
    guard: () => {},
  }
}

/** Options of {@link createCookieTransport}. */
export interface CookieTransportOptions {
  /** Seconds for which the browser keeps the refresh token without a refresh. */
  readonly maxAgeSeconds: number
  /** Origins of pages beside the service's own. */
  readonly allowedOrigins: readonly string[]
  /** If true, the access token has a cookie too, and a link from another site arrives with both. @defaultValue false */
  readonly pages?: boolean | undefined
  readonly clock: Clock
}

/**
 * Creates the transport in a `__Host-` cookie that scripts cannot read. A refused refresh does not clear the cookie: the
 * refusal may arrive after the new sign-in of another tab, and would end that.
 */
export function createCookieTransport(options: CookieTransportOptions): RefreshTokenTransport {
  const { pages = false, maxAgeSeconds, clock } = options
  const isFromOurPage = createOriginCheck(options.allowedOrigins)
  const sameSite = pages ? 'Lax' : 'Strict'
  const refreshCookie = (value: string, seconds: number) =>
    formatCookie('__Host-perennial', value, { maxAgeSeconds: seconds, sameSite })
  const accessCookie = (value: string, seconds: number) =>
    pages ? [formatCookie('__Host-perennial-access', value, { maxAgeSeconds: seconds, sameSite })] : []
  return {
    read: async (request) => readCookie(request.header('cookie'), '__Host-perennial'),
    readMeantSession: async (request) => field(await readJsonObject(request), 'sid'),
    takesProofs: false,
    sameSite,
    absence: 'no_content',
    hand: ({ accessToken, refreshToken }) => ({
      fields: {},
      cookies: [
        ...(refreshToken === undefined ? [] : [refreshCookie(refreshToken, maxAgeSeconds)]),
        ...accessCookie(accessToken, pages ? lifeOf(accessToken, clock()) : 0),
      ],
    }),
    forget: (request) => [
      refreshCookie('', 0),
      ...accessCookie('', 0),
      ...boundCookieNames(request.header('cookie')).map((name) =>
        formatCookie(name, '', { maxAgeSeconds: 0, sameSite }),
      ),
    ],
    guard(request) {
      if (request.method !== 'POST' && request.method !== 'DELETE') return
      if (isFromOurPage(request) && request.header('x-csrf') === '1') return
      throw failure('originDenied')
    },
  }
}

/** Returns the whole seconds for which an access token of ours is valid. */
function lifeOf(accessToken: string, now: number): number {
  const expiresAt = decodeToken(accessToken)?.claims['exp']
  return typeof expiresAt === 'number' ? Math.max(0, Math.floor(expiresAt - now)) : 0
}
