import { failure } from '../base/failures.js'
import { field } from '../base/json.js'
import { isLoopback } from '../base/formats.js'
import { type AuthRequest, readJsonObject } from './auth-request.js'

const cookieName = '__Host-perennial'

/** The way in which the refresh token travels between browser and service. */
export interface RefreshTokenTransport {
  /** Returns what the request presents as a refresh token; undefined if it presents nothing. */
  read(request: AuthRequest): Promise<unknown>
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

function readCookie(header: string | undefined): string | undefined {
  const values = (header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${cookieName}=`))
  // A browser never sends two `__Host-` cookies of one name, so neither is used.
  return values.length === 1 ? values[0]?.slice(cookieName.length + 1) : undefined
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
