import { field, parseJsonObject } from '../base/json.js'
import { readCookie, replaceCookies, type AuthRequest, type AuthResponse } from '../http/index.js'
import type { RequestHead } from './web-messages.js'

/** The tokens in the cookies of a page. */
export interface PageTokens {
  readonly accessToken?: string | undefined
  readonly refreshToken?: string | undefined
  /**
   * True if the access token was renewed for this request, so that no browser has got it yet. It is a cookie too, which no answer sets:
   * an app that asks itself for another page before it answers passes the cookies on (an error page of Astro, a `redirect` in a server
   * action of Next.js, a `fetch` of its own routes).
   */
  readonly isRenewed?: boolean | undefined
}

/** Reads the tokens in the cookies of a request. An empty one counts as none. */
export function pageTokensOf({ headers }: RequestHead): PageTokens {
  const cookies = headers.get('cookie') ?? undefined
  return {
    accessToken: readCookie(cookies, '__Host-perennial-access') || undefined,
    refreshToken: readCookie(cookies, '__Host-perennial') || undefined,
    isRenewed: readCookie(cookies, '__Host-perennial-renewed') !== undefined,
  }
}

/** Returns a request with these tokens in its cookies, and no others of ours. */
export function withPageTokens(request: Request, tokens: PageTokens): Request {
  const headers = new Headers(request.headers)
  const cookies = replaceCookies(headers.get('cookie') ?? undefined, {
    '__Host-perennial': tokens.refreshToken,
    '__Host-perennial-access': tokens.accessToken,
    '__Host-perennial-renewed': tokens.isRenewed === true ? '1' : undefined,
  })
  if (cookies === '') headers.delete('cookie')
  else headers.set('cookie', cookies)
  return new Request(request, { headers })
}

/** Returns a request without its body, which stays with the framework. */
export function headOf({ url, method, headers }: Request): Request {
  return new Request(url, { method, headers })
}

/** Returns true if a browser or a router fetches the page ahead of a visit that may never come. */
export function isPrefetch({ headers }: Request): boolean {
  const purpose = `${headers.get('sec-purpose') ?? ''} ${headers.get('purpose') ?? ''}`
  return /\bprefetch\b/i.test(purpose) || headers.has('next-router-prefetch')
}

/**
 * Returns false for `HEAD`, `OPTIONS`, and a file that a page loads: a script, a style, an icon. A visit, and a router that fetches a page
 * (`empty`), have a `Sec-Fetch-Dest` of their own, and may have the path of a file too.
 */
export function isForPage({ method, url, headers }: Request): boolean {
  const isVisit = /^(document|i?frame|empty)$/.test(headers.get('sec-fetch-dest') ?? '')
  const isFile = method === 'GET' && !isVisit && fileName.test(new URL(url).pathname)
  return !isFile && method !== 'HEAD' && method !== 'OPTIONS'
}

const fileName =
  /\.(css|m?js|map|wasm|ico|svg|png|jpe?g|gif|webp|avif|woff2?|ttf|otf|webmanifest|mp[34]|webm)$/i

/**
 * Returns true for a request of the browser client, or of the browser by itself, to the routes of `/v1/auth`, if a middleware for all
 * paths brings it here. They set the cookies themselves.
 */
export function isAuthRequest({ url, headers }: Request): boolean {
  const { pathname } = new URL(url)
  return (headers.get('x-csrf') === '1' && clientRoute.test(pathname)) || keyRoute.test(pathname)
}

/** The routes of the browser client. The refresh is known wherever it is mounted: it renews the tokens itself. */
const clientRoute = /\/v1\/auth\/|\/refresh-token$/
/** The routes of Device Bound Session Credentials, wherever they are mounted. */
const keyRoute = /\/dbsc\/(register|refresh)$/

/** Returns the refresh that a page asks for on behalf of its visitor. It comes from the app itself. */
export function toRefreshRequest(request: Request, ip: string | undefined): AuthRequest {
  const own: Readonly<Record<string, string>> = {
    origin: new URL(request.url).origin,
    'sec-fetch-site': 'same-origin',
    'x-csrf': '1',
  }
  return {
    method: 'POST',
    path: '/refresh-token',
    ip,
    requestId: crypto.randomUUID(),
    header: (name) =>
      own[name] ?? (passedOn.has(name) ? (request.headers.get(name) ?? undefined) : undefined),
    readBody: async () => ({ kind: 'bytes', bytes: new Uint8Array() }),
  }
}

const passedOn = new Set(['cookie', 'user-agent', 'secure-session-skipped'])

/** Returns true if an answer refuses a request for want of a proof, so that the refresh token itself may be good. */
export function isUnproven({ body }: AuthResponse): boolean {
  return field(parseJsonObject(body ?? ''), 'code') === 'AUTH_PROOF_INVALID'
}

/** Returns the access token in the answer to a refresh, or undefined if it has none. */
export function accessTokenIn({ status, body }: AuthResponse): string | undefined {
  const token = status === 200 ? field(parseJsonObject(body ?? ''), 'accessToken') : undefined
  return typeof token === 'string' ? token : undefined
}

/**
 * Returns the answer of a page with these cookies added, unless it sets ours itself (a sign-in or a sign-out in a route of the app).
 * It depends on the cookies of the request (`Vary`), for a visitor without
 * them too: a cache must not give his page to a member. An answer that sets cookies, and one to a request with ours that says
 * nothing about caches, is `private, no-store`.
 */
export function finishPage(request: Request, response: Response, renewed: readonly string[]): Response {
  // An upgrade and a network error cannot be copied, and no cache keeps them.
  if (response.status < 200) return response
  try {
    // With a cookie it is a copy: the app may give the same answer to somebody else again.
    if (renewed.length === 0) return finish(request, response, renewed)
  } catch {
    // A redirect, or an answer that was fetched, has headers that cannot be changed.
  }
  return finish(request, new Response(response.body, response), renewed)
}

function finish(request: Request, response: Response, renewed: readonly string[]): Response {
  const hasTokens = request.headers.get('cookie')?.includes('__Host-perennial') === true
  const { headers } = response
  const setsOurs = addCookies(headers, renewed)
  if (setsOurs) removeSharedCaching(headers)
  if (setsOurs || (hasTokens && !headers.has('cache-control')))
    headers.set('cache-control', 'private, no-store')
  if (!/(^|,)\s*(cookie|\*)\s*(,|$)/i.test(headers.get('vary') ?? '')) headers.append('vary', 'Cookie')
  return response
}

/** Adds the cookies to those of the app, unless ours are among these. Returns true if the answer sets ours. */
function addCookies(headers: Headers, renewed: readonly string[]): boolean {
  const hasOurs = headers.getSetCookie().some((cookie) => /^__Host-perennial(-access)?=/.test(cookie))
  for (const cookie of hasOurs ? [] : renewed) headers.append('set-cookie', cookie)
  return hasOurs || renewed.length > 0
}

/** Removes the headers that shared caches obey before `Cache-Control` (RFC 9213): `CDN-Cache-Control`, `Vercel-CDN-Cache-Control`, … */
function removeSharedCaching(headers: Headers): void {
  const names = Array.from(headers.keys()).filter((name) =>
    /(^|-)cdn-cache-control$|^(surrogate|edge)-control$/.test(name),
  )
  for (const name of names) headers.delete(name)
}

/**
 * Returns the page that is shown while it is not known who the visitor is. A browser loads it again after the time that the
 * refusal names, unless it was the answer to a form: that would be lost.
 */
export function tryAgain({ method }: Pick<Request, 'method'>, { status, headers }: AuthResponse): Response {
  const seconds = headers['retry-after'] ?? '1'
  const isRepeated = status === 503 && ['GET', 'HEAD'].includes(method)
  return new Response(tryAgainPage(isRepeated ? seconds : undefined), {
    status: status === 503 ? 503 : 500,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      ...(status === 503 && { 'retry-after': seconds }),
    },
  })
}

function tryAgainPage(seconds: string | undefined): string {
  const again = seconds === undefined ? 'Please try again.' : 'It is loaded again in a few seconds.'
  const refresh = seconds === undefined ? '' : `<meta http-equiv="refresh" content="${seconds}">`
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8">${refresh}<title>Try again</title></head>` +
    `<body><p>This page cannot be shown at the moment. ${again}</p></body></html>`
  )
}
