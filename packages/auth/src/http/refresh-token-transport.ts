import { failure } from '../base/failures.js'
import { field } from '../base/json.js'
import { isLoopback } from '../base/formats.js'
import { type AuthRequest, readJsonObject } from './auth-request.js'

const cookieName = '__Host-perennial'

/** The way in which the refresh token travels between browser and service. */
export interface RefreshTokenTransport {
  /** Returns what the request presents as a refresh token; undefined if it presents nothing. */
  read(request: AuthRequest): Promise<unknown>
  /** The answer to a refresh that presents nothing: a visitor without a cookie is no error. */
  readonly absence: 'refused' | 'no_content'
  /** Returns the fields and headers of an answer that carry a refresh token. */
  hand(refreshToken: string | undefined): {
    readonly fields: Record<string, string>
    readonly headers: Record<string, string>
  }
  /** Headers that make the browser delete it. */
  readonly forget: Readonly<Record<string, string>>
  /** Checks a write. @throws {@link AuthError} `AUTH_ORIGIN_DENIED`: another site may have caused it */
  guard(request: AuthRequest): void
}

/** Creates the transport in JSON bodies. The caller stores the token. */
export function createBodyTransport(): RefreshTokenTransport {
  return {
    read: async (request) => field(await readJsonObject(request), 'refreshToken'),
    absence: 'refused',
    hand: (refreshToken) => ({ fields: refreshToken === undefined ? {} : { refreshToken }, headers: {} }),
    forget: {},
    guard: () => {},
  }
}

/**
 * Creates the transport in a `__Host-` cookie that scripts cannot read. A refused refresh does not clear the cookie: the
 * refusal may arrive after the new sign-in of another tab, and would end that.
 * @param options.maxAgeSeconds - how long the browser keeps it without a refresh
 * @param options.allowedOrigins - beside the service's own
 */
export function createCookieTransport(options: {
  readonly maxAgeSeconds: number
  readonly allowedOrigins: readonly string[]
}): RefreshTokenTransport {
  const allowed = new Set(options.allowedOrigins)
  const cookie = (value: string, maxAgeSeconds: number) => ({
    'set-cookie': `${cookieName}=${value}; Max-Age=${maxAgeSeconds}; Path=/; HttpOnly; Secure; SameSite=Strict`,
  })
  return {
    read: async (request) => readCookie(request.header('cookie')),
    absence: 'no_content',
    hand: (refreshToken) => ({
      fields: {},
      headers: refreshToken === undefined ? {} : cookie(refreshToken, options.maxAgeSeconds),
    }),
    forget: cookie('', 0),
    guard(request) {
      if (request.method !== 'POST' && request.method !== 'DELETE') return
      const origin = request.header('origin')
      const trusted =
        origin !== undefined && (allowed.has(origin) || isOwnOrigin(origin, request.header('host')))
      if (trusted && request.header('x-csrf') === '1') return
      throw failure('originDenied')
    },
  }
}

const cookiePrefix = `${cookieName}=`

/**
 * Returns the value of our cookie, or undefined if there is none. Only space and tab are cut off around a pair (RFC 6265
 * §4.2.1): a sibling subdomain can set a cookie whose name has other white space before ours, such as U+00A0. A browser never
 * sends two `__Host-` cookies of one name. Of two, neither is used, and the value is empty, which is not a usable token.
 */
function readCookie(header: string | undefined): string | undefined {
  const values = (header ?? '')
    .split(';')
    .map(trimSpaceAndTab)
    .filter((pair) => pair.startsWith(cookiePrefix))
  return values.length > 1 ? '' : values[0]?.slice(cookiePrefix.length)
}

/** A loop, because a regular expression for it takes quadratic time for a long run of spaces. */
function trimSpaceAndTab(text: string): string {
  const isBlank = (at: number) => text[at] === ' ' || text[at] === '\t'
  let start = 0
  let end = text.length
  while (start < end && isBlank(start)) start++
  while (end > start && isBlank(end - 1)) end--
  return text.slice(start, end)
}

/** Returns true if the page has the host of the service. Plain http counts on loopback addresses only. */
function isOwnOrigin(origin: string, host: string | undefined): boolean {
  if (!host || !URL.canParse(origin)) return false
  const url = new URL(origin)
  if (url.origin !== origin || url.host !== withoutDefaultPort(host.toLowerCase(), url.protocol)) return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
}

function withoutDefaultPort(host: string, protocol: string): string {
  const port = protocol === 'https:' ? ':443' : ':80'
  return host.endsWith(port) ? host.slice(0, -port.length) : host
}
