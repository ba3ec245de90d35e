import { AuthError } from '../base/errors.js'
import type { MemberstackUser } from '../base/formats.js'
import { createOpening, type PerennialSource } from './open-pages.js'
import { headOf, isAuthRequest, tryAgain } from './page-messages.js'
import type { Pages } from './pages.js'

/** The part of Astro's context that the middleware uses. */
export interface AstroContext {
  readonly request: Request
  readonly locals: object
  readonly isPrerendered: boolean
  readonly clientAddress: string
  /** The cache of answers, if the site has one. */
  readonly cache?: { readonly enabled: boolean; set(off: false): void } | undefined
}

/** Renders the page, or another one. */
export type AstroNext = (rewrite?: Request) => Promise<Response>

/** Options of {@link createAstroPages}. */
export interface AstroPagesOptions {
  /** Returns the caller's address. @defaultValue `context.clientAddress` */
  readonly clientAddress?: ((context: AstroContext) => string | undefined) | undefined
}

/** Members for the pages of an Astro site. */
export interface AstroPages {
  /**
   * The middleware, for `src/middleware.ts`. It sets `locals.member` to the member, or to null for a visitor who is signed out, and
   * renews the access token if it has ended or is about to. If it is not known who the visitor is, the answer is 503 with
   * `Retry-After`. In a page that is prerendered `locals.member` is null.
   */
  readonly onRequest: (context: AstroContext, next: AstroNext) => Promise<Response>
}

/**
 * Creates {@link AstroPages}, for Astro 7.
 * @param perennial - the instance, or a function that returns it, which is called at the first request: a build starts nothing then
 * @throws TypeError if `createPerennial` did not get the option `pages`; rejected, if `perennial` is a function
 * @example
 * export const { onRequest } = createAstroPages(getPerennial) // src/middleware.ts
 *
 * // src/env.d.ts
 * declare global { namespace App { interface Locals { member: MemberstackUser | null } } }
 */
export function createAstroPages(
  perennial: PerennialSource,
  { clientAddress = (context) => context.clientAddress }: AstroPagesOptions = {},
): AstroPages {
  const open = createOpening(perennial, {
    clientAddress: (_request: Request, context: AstroContext) => clientAddress(context),
  })
  return {
    async onRequest(context, next) {
      const { request } = context
      Object.assign(context.locals, { member: null })
      if (context.isPrerendered) return next()
      const pages = await open()
      let isRenewed = false
      const head = headOf(request)
      // Static files do not come to the middleware, so a path that looks like theirs is that of an endpoint.
      head.headers.set('sec-fetch-dest', 'document')
      const response = await pages.handle(
        head,
        async (renewed) => {
          isRenewed = renewed !== head
          // The routes of `/v1/auth` find out by themselves who asks. A sign-in or a refresh needs no good access token.
          if (isAuthRequest(renewed)) return next()
          const member = await memberOf(pages, renewed)
          if (member instanceof Response) return member
          Object.assign(context.locals, { member })
          // A rule of the configuration does not cover a member's page. The page itself can still allow it.
          if (member !== null) keepOutOfCache(context)
          return isRenewed ? passOn(renewed, request, next) : next()
        },
        context,
      )
      if (isRenewed) keepOutOfCache(context)
      return response
    },
  }
}

/** Returns the member, or the answer if it is not known who that is: a `HEAD` is not renewed. */
async function memberOf(
  pages: Pages<[AstroContext]>,
  request: Request,
): Promise<MemberstackUser | null | Response> {
  try {
    return await pages.memberOf(request)
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    return tryAgain(request, { status: error.status, headers: {}, body: null })
  }
}

/** Astro writes the headers of its cache after the middleware, over those of the answer. */
function keepOutOfCache({ cache }: AstroContext): void {
  if (cache?.enabled) cache.set(false)
}

/**
 * Renders the page with the renewed cookies in its request. Where the platform does not allow that (Cloudflare), the page gets a new
 * request, as a rewrite of itself.
 */
function passOn({ headers }: Request, request: Request, next: AstroNext): Promise<Response> {
  const cookie = headers.get('cookie')
  try {
    if (cookie === null) request.headers.delete('cookie')
    else request.headers.set('cookie', cookie)
  } catch {
    return next(new Request(request, { headers }))
  }
  return next()
}
