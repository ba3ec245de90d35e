import type { Clock } from '../base/time.js'
import { isLoopback } from '../base/formats.js'

/**
 * The cookies that Perennial sets, and the mark that it adds to requests inside the app. A browser takes a `__Host-` cookie from its own
 * host over https alone (RFC 6265bis §4.1.3).
 */
export type CookieName =
  '__Host-perennial' | '__Host-perennial-access' | '__Host-perennial-renewed' | BoundCookieName

/** The cookie that shows that the browser has the key of its session. */
export type BoundCookieName = `__Host-perennial-bound-${string}`

const cookieNames = ['__Host-perennial', '__Host-perennial-access', '__Host-perennial-renewed'] as const

/** A request, as far as its cookies are concerned. */
export interface CookieRequest {
  readonly method: string
  /** One header by its lower-case name. */
  header(name: string): string | undefined
}

/**
 * Returns the value of a cookie of ours, or undefined if there is none. Only space and tab are cut off around a pair (RFC 6265
 * §4.2.1): a sibling subdomain can set a cookie whose name has other white space before ours, such as U+00A0. A browser never
 * sends two `__Host-` cookies of one name. Of two, neither is used, and the value is empty, which is not a usable token.
 */
export function readCookie(header: string | undefined, name: CookieName): string | undefined {
  if (!header?.includes(name)) return undefined
  const values = pairsOf(header).filter((pair) => isNamed(pair, name))
  return values.length > 1 ? '' : values[0]?.slice(name.length + 1)
}

/**
 * Returns the name of the cookie that shows the key of a session. Each session has a name of its own: an answer for an earlier session that
 * comes late does not replace the cookie of the next one.
 */
export function boundCookieName(sessionId: string): BoundCookieName {
  return `__Host-perennial-bound-${sessionId.slice(0, 8)}`
}

/** Returns the names of the cookies of a request that show keys. */
export function boundCookieNames(header: string | undefined): readonly BoundCookieName[] {
  const names = pairsOf(header).flatMap((pair) => /^__Host-perennial-bound-([\w-]{8})=/.exec(pair)?.[1] ?? [])
  return Array.from(new Set(names), boundCookieName)
}

/** Returns a `Cookie` header with these cookies of ours in place of those that it has. Undefined takes one out. */
export function replaceCookies(
  header: string | undefined,
  cookies: Readonly<Partial<Record<CookieName, string | undefined>>>,
): string {
  const replaced = cookieNames.filter((name) => name in cookies)
  const others = pairsOf(header).filter((pair) => !replaced.some((name) => isNamed(pair, name)))
  const ours = replaced.flatMap((name) => (cookies[name] === undefined ? [] : [`${name}=${cookies[name]}`]))
  return [...others, ...ours].join('; ')
}

/** Returns a `Set-Cookie` header for a cookie that no script can read. */
export function formatCookie(
  name: CookieName,
  value: string,
  { maxAgeSeconds, sameSite }: { readonly maxAgeSeconds: number; readonly sameSite: SameSite },
): string {
  return `${name}=${value}; Max-Age=${maxAgeSeconds}; ${cookieAttributes(sameSite)}`
}

/** The requests from other sites that carry a cookie (RFC 6265bis §5.6.7): none, or those that load a page. */
export type SameSite = 'Strict' | 'Lax'

/** Returns the attributes of a cookie, without its life. */
export function cookieAttributes(sameSite: SameSite): string {
  return `Path=/; HttpOnly; Secure; SameSite=${sameSite}`
}

/**
 * Creates a function that returns true if a request comes from a page of the service's own origin, or of an allowed one. A
 * browser sends `Origin` with every request that is neither `GET` nor `HEAD`. `Sec-Fetch-Site`, which no script can set, says that the
 * origin is the service's own where a proxy has changed `Host`, or a page with `Referrer-Policy: no-referrer` sends the origin `null`.
 */
export function createOriginCheck(
  allowedOrigins: readonly string[],
): (request: Pick<CookieRequest, 'header'>) => boolean {
  const allowed = new Set(allowedOrigins)
  return (request) => {
    const origin = request.header('origin')
    if (origin === undefined) return false
    return (
      allowed.has(origin) ||
      request.header('sec-fetch-site') === 'same-origin' ||
      isOwnOrigin(origin, request.header('host'))
    )
  }
}

/** The rules by which the cookies of a page count. */
export interface PageRules {
  /**
   * Returns true on `GET` and `HEAD`, and on other methods if the `Origin` is allowed: a form or a server action cannot send
   * `X-CSRF`, and another site can send a form with our cookies.
   */
  mayRead(request: CookieRequest): boolean
  /** The clock by which tokens end. */
  readonly clock: Clock
}

/** Creates {@link PageRules}. `allowedOrigins` are those beside the app's own. */
export function createPageRules(allowedOrigins: readonly string[], clock: Clock): PageRules {
  const isFromOurPage = createOriginCheck(allowedOrigins)
  return {
    clock,
    mayRead: (request) => request.method === 'GET' || request.method === 'HEAD' || isFromOurPage(request),
  }
}

/** Returns the access token of the page's cookie, or undefined if there is none that counts. */
export function readPageToken(
  rules: PageRules,
  { page }: { readonly page?: CookieRequest | undefined },
): string | undefined {
  const token = page && readCookie(page.header('cookie'), '__Host-perennial-access')
  return token && rules.mayRead(page) ? token : undefined
}

function pairsOf(header: string | undefined): readonly string[] {
  return (header ?? '')
    .split(';')
    .map(trimSpaceAndTab)
    .filter((pair) => pair !== '')
}

const isNamed = (pair: string, name: CookieName) => pair.startsWith(name) && pair[name.length] === '='

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
