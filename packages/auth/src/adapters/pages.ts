import type { AuthError } from '../base/errors.js'
import { failure } from '../base/failures.js'
import type { MemberstackUser } from '../base/formats.js'
import type { Perennial } from '../http/index.js'
import { finishPage, pageTokensOf, tryAgain } from './page-messages.js'
import { createLook, readMember, type Sight } from './page-renewal.js'
import { toCookieRequest, type RequestHead } from './web-messages.js'

/** Options of {@link createPages}. `Rest`: the other arguments that `handle` gets beside the request and `next`. */
export interface PagesOptions<Rest extends readonly unknown[] = []> {
  /** Returns the caller's address, which a web-standard `Request` does not hold. Without it no limit of an address applies. */
  readonly clientAddress?: ((request: Request, ...rest: Rest) => string | undefined) | undefined
}

/** Members for pages that are rendered on the server. */
export interface Pages<Rest extends readonly unknown[] = []> {
  /**
   * Middleware for pages. It renews the access token if it has ended or is about to, and calls `next` with a request that
   * carries the new one. The cookies are added to the answer. If the store or Memberstack is away and the token has ended, the
   * answer is 503 with `Retry-After`, and no cookie is touched. Rejects only with what `next` throws.
   */
  handle(
    request: Request,
    next: (request: Request) => Response | Promise<Response>,
    ...rest: Rest
  ): Promise<Response>
  /**
   * Returns the member of a request that came through `handle`, or null for a visitor who is signed out.
   * @throws {@link AuthError} rejected with `AUTH_UNAVAILABLE`: it is not known at the moment who the visitor is
   */
  memberOf(request: RequestHead): Promise<MemberstackUser | null>
}

/**
 * Creates {@link Pages} for anything that speaks web-standard `Request` and `Response`.
 * @throws TypeError if `createPerennial` did not get the option `pages`
 * @example
 * const pages = createPages(perennial)
 * const response = await pages.handle(request, async (renewed) => render(await pages.memberOf(renewed)))
 */
export function createPages<Rest extends readonly unknown[] = []>(
  perennial: Perennial,
  { clientAddress = () => undefined }: PagesOptions<Rest> = {},
): Pages<Rest> {
  const { pages: rules } = perennial
  if (!rules)
    throw new TypeError(
      "createPages needs createPerennial({ refreshTokenTransport: 'cookie', pages: true, … })",
    )
  const look = createLook(perennial, rules)
  /**
   * Returns the cookies that the answer sets. If the member has signed out while the page was rendered, there are none: they would
   * replace those of a member who has signed in since. Those of an access token that has expired meanwhile hold a refresh token that is good.
   */
  const lastingCookies = async ({ request, cookies }: Sight): Promise<readonly string[]> => {
    if (cookies.length === 0) return cookies
    const found = await readMember(perennial, { page: toCookieRequest(request) }).catch(() => null)
    return isRevoked(found) ? [] : cookies
  }

  return {
    async handle(request, next, ...rest) {
      let sight: Sight
      try {
        sight = await look(request, clientAddress(request, ...rest))
      } catch (error) {
        return tryAgain(request, perennial.toResponse(error))
      }
      const response = await next(sight.request)
      return finishPage(request, response, await lastingCookies(sight))
    },
    async memberOf(request) {
      const page = toCookieRequest(request)
      if (!rules.mayRead(page)) return null
      const { accessToken, refreshToken } = pageTokensOf(request)
      const found = accessToken === undefined ? null : await readMember(perennial, { page })
      if (found !== null && 'userId' in found) return found
      // The member may have signed out since `handle` has seen the request.
      if (refreshToken !== undefined && !isRevoked(found)) throw failure('pageMemberUnknown')
      return null
    },
  }
}

/** Returns true if the session of a token has ended. */
function isRevoked(found: MemberstackUser | AuthError | null): boolean {
  return found !== null && 'code' in found && found.code === 'AUTH_TOKEN_REVOKED'
}
