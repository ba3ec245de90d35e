import type { MemberstackUser } from '../base/formats.js'
import { createOpening, type PerennialSource } from './open-pages.js'
import { headOf } from './page-messages.js'

/** Options of {@link createNextPages}. */
export interface NextPagesOptions {
  /** Returns the caller's address, which Next.js does not pass to a proxy. Without it no limit of an address applies. */
  readonly clientAddress?: ((request: Request) => string | undefined) | undefined
}

/** The part of a `NextRequest` that the proxy uses. */
export interface NextPageRequest extends Request {
  /** The path without the `basePath` of the app. */
  readonly nextUrl?: { readonly pathname: string }
}

/** Members for the pages of a Next.js app. */
export interface NextPages {
  /**
   * The proxy, for `proxy.ts`. It renews the access token if it has ended or is about to. What runs behind it gets the new one, and
   * the browser its cookies. If it is not known who the visitor is, the answer is 503 with `Retry-After`. Prefetches of the router
   * are seen only with `skipProxyUrlNormalize: true` in `next.config.ts`.
   */
  readonly proxy: (request: NextPageRequest) => Promise<Response>
  /**
   * Returns the member, in a Server Component, a route handler or a server action, or null for a visitor who is signed out. The
   * request must have come through `proxy`. In a function with `use cache` or `use cache: private` Next.js refuses it.
   * @throws {@link AuthError} rejected with `AUTH_UNAVAILABLE`: it is not known at the moment who the visitor is
   */
  readonly getMember: () => Promise<MemberstackUser | null>
}

/**
 * Creates {@link NextPages}, for Next.js 16.
 * @param perennial - the instance, or a function that returns it, which is called at the first request: a build starts nothing then
 * @throws TypeError if `createPerennial` did not get the option `pages`; rejected, if `perennial` is a function
 * @example
 * export const { proxy, getMember } = createNextPages(getPerennial)
 */
export function createNextPages(perennial: PerennialSource, options: NextPagesOptions = {}): NextPages {
  const open = createOpening(perennial, options)
  return {
    async proxy(request) {
      const { NextResponse } = await import('next/server.js')
      if (isBuilt(request)) return NextResponse.next()
      const pages = await open()
      const head = headOf(request)
      return pages.handle(head, (renewed) => {
        if (renewed === head) return NextResponse.next()
        return NextResponse.next({ request: { headers: renewed.headers } })
      })
    },
    async getMember() {
      const [{ connection }, { headers }] = await Promise.all([
        import('next/server.js'),
        import('next/headers.js'),
      ])
      // Refused by Next.js where a result is kept, `use cache: private` too, and left out of what its router fetches ahead.
      await connection()
      const sent = await headers()
      const pages = await open()
      const url = `https://${sent.get('host') ?? 'localhost'}`
      return pages.memberOf({ url, method: changes(sent) ? 'POST' : 'GET', headers: sent })
    },
  }
}

/**
 * Returns true for a file that Next.js has built, or an image that it makes smaller. It is the same for everybody, so its answer stays
 * as it is, with the caching of Next.js.
 */
function isBuilt({ nextUrl }: NextPageRequest): boolean {
  return /^\/_next\/(static|image)(\/|$)/.test(nextUrl?.pathname ?? '')
}

/**
 * Returns true if a request may change something. Next.js does not name its method to what runs behind the proxy. A browser sends
 * `Origin` with every form and every server action. A `GET` can have a `Content-Type`.
 */
function changes(sent: Pick<Headers, 'has'>): boolean {
  return sent.has('origin') || sent.has('next-action')
}
