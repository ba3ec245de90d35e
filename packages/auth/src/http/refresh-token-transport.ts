import { failure } from '../base/failures.js'
import { field } from '../base/json.js'
import { isLoopback } from '../base/loopback.js'
import { type AuthRequest, readJsonObject } from './auth-request.js'

const cookieName = '__Host-perennial'

/** How the refresh token travels between browser and service. */
export interface RefreshTokenTransport {
  /** Whatever the request presents as a refresh token; undefined when it presents none. */
  read(request: AuthRequest): Promise<unknown>
  /** The part of the answer's body and headers that hands a refresh token on. */
  hand(refreshToken: string | undefined): {
    readonly fields: Record<string, string>
    readonly headers: Record<string, string>
  }
  /** Headers that make the browser forget it. */
  readonly forget: Readonly<Record<string, string>>
  /** @throws {@link AuthError} `AUTH_ORIGIN_DENIED`: a write that another site may have caused. */
  guard(request: AuthRequest): void
}

/** In the JSON bodies: the caller keeps it. */
export function createBodyTransport(): RefreshTokenTransport {
  return {
    read: async (request) => field(await readJsonObject(request), 'refreshToken'),
    hand: (refreshToken) => ({ fields: refreshToken === undefined ? {} : { refreshToken }, headers: {} }),
    forget: {},
    guard: () => {},
  }
}

/**
 * In a `__Host-` cookie that scripts cannot read. A refused refresh does not clear it: the refusal may arrive after
 * another tab's new sign-in, and would take that away.
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
  // Two of one name cannot come from an honest browser for a `__Host-` cookie: neither is believed.
  return values.length === 1 ? values[0]?.slice(cookieName.length + 1) : undefined
}

/** The page's host is ours. Over plain http only on loopback, where nobody sits between. */
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
