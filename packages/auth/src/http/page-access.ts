import type { Clock } from '../base/time.js'
import type { Credentials } from './auth-request.js'
import { createOriginCheck, readCookie, type CookieRequest } from './cookies.js'

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
export function readPageToken(rules: PageRules, { page }: Credentials): string | undefined {
  const token = page && readCookie(page.header('cookie'), '__Host-perennial-access')
  return token && rules.mayRead(page) ? token : undefined
}
