import type { WaitUntil } from '../base/background.js'
import { failure } from '../base/failures.js'
import {
  type Authenticated,
  type Perennial,
  type RequestAuthenticator,
  checkRoleNames,
  answerJwks,
} from '../http/index.js'
import { toAuthRequest } from './fetch-request.js'
import { isResponseContext, respondBy, toCookieRequest, toProof, toResponse } from './web-messages.js'

/** Options of a `fetch` handler. `Rest`: the other arguments that its caller passes beside the request. */
export interface FetchHandlerOptions<Rest extends readonly unknown[] = []> {
  /** The path of the routes; empty if the framework has removed it from the URL. @defaultValue `/v1/auth` */
  readonly basePath?: string | undefined
  /**
   * Hands work that goes on after the answer to the platform: `(work, _env, context) => context.waitUntil(work)` in a Worker. The
   * platform then also finishes the work of a caller who hangs up. @defaultValue the `waitUntil` of `createPerennial`
   */
  readonly waitUntil?: ((work: Promise<unknown>, ...rest: Rest) => void) | undefined
  /** Returns the caller's address, which a web-standard `Request` does not hold. Without it no limit of an address applies. */
  readonly clientAddress?: ((request: Request, ...rest: Rest) => string | undefined) | undefined
  /**
   * Returns the address of the request as its caller sees it, for DPoP proofs: behind a proxy that ends TLS, or if the framework has
   * removed the base path. @defaultValue `request.url`
   */
  readonly url?: ((request: Request, ...rest: Rest) => string) | undefined
  /**
   * Returns true if the request comes from a proxy of yours that asks `GET /verify` about another request, and replaces
   * `X-Forwarded-Method` and `X-Forwarded-Uri`. @defaultValue no request does
   */
  readonly isProxied?: ((request: Request, ...rest: Rest) => boolean) | undefined
}

/**
 * The routes of `/v1/auth` for anything that speaks web-standard `Request` and `Response` (Hono, Next.js, Deno, Bun).
 * Other arguments go to `clientAddress`. If the first of them is Hono's context, the cookies and headers on it are kept.
 * @example
 * const handle = createFetchHandler(perennial, {
 *   clientAddress: (_request, context: Context) => getConnInfo(context).remote.address,
 * })
 * app.all('/v1/auth/*', (context) => handle(context.req.raw, context))
 */
export function createFetchHandler<Rest extends readonly unknown[] = []>(
  perennial: Perennial,
  options: FetchHandlerOptions<Rest> = {},
): (request: Request, ...rest: Rest) => Promise<Response> {
  const { clientAddress = () => undefined, waitUntil, url, isProxied } = options
  const basePath = (options.basePath ?? '/v1/auth').replace(/\/+$/, '')
  return async (request, ...rest) => {
    const { pathname } = new URL(request.url)
    const isOurs = pathname === basePath || pathname.startsWith(`${basePath}/`)
    if (!isOurs) return toResponse(perennial.toResponse(failure('notFound')))
    const path = pathname.slice(basePath.length) || '/'
    const answer = await perennial.handle(
      toAuthRequest(request, {
        path,
        ip: clientAddress(request, ...rest),
        url: () => url?.(request, ...rest) ?? request.url,
        isProxied: () => isProxied?.(request, ...rest) ?? false,
        waitUntil: waitUntil && ((work) => waitUntil(work, ...rest)),
      }),
    )
    const [context] = rest
    return isResponseContext(context) ? respondBy(context, answer) : toResponse(answer)
  }
}

/** Memberstack's webhook; the path is for the router to decide. */
export function createWebhookHandler<Rest extends readonly unknown[] = []>(
  perennial: Perennial,
  { waitUntil }: Pick<FetchHandlerOptions<Rest>, 'waitUntil'> = {},
): (request: Request, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    const given = waitUntil && ((work: Promise<unknown>) => waitUntil(work, ...rest))
    const surroundings = { path: '/', waitUntil: given, url: () => request.url }
    return toResponse(await perennial.handleWebhook(toAuthRequest(request, surroundings)))
  }
}

/**
 * The key set of our access tokens, for services that verify them on their own.
 * @example
 * app.get('/.well-known/jwks.json', createJwksHandler(perennial))
 */
export function createJwksHandler(perennial: Perennial): () => Promise<Response> {
  return async () => toResponse(await answerJwks(perennial))
}

/**
 * Returns the member of a request, or the `Response` that refuses it; without a promise if the token was verified before. `url`: the
 * address as the caller sees it, for DPoP proofs, if it is not that of the request.
 * @example
 * const member = await authenticate(perennial, request, { waitUntil: (work) => context.waitUntil(work) })
 * if (member instanceof Response) return member
 */
export function authenticate(
  perennial: RequestAuthenticator,
  request: Request,
  { waitUntil, url }: { readonly waitUntil?: WaitUntil | undefined; readonly url?: string | undefined } = {},
): Authenticated | Response | Promise<Authenticated | Response> {
  const refuse = (error: unknown) => toResponse(perennial.toResponse(error))
  try {
    const credentials = {
      authorization: request.headers.get('authorization') ?? undefined,
      memberstackToken: request.headers.get('x-memberstack-token') ?? undefined,
      proof: toProof(request, url),
      page: perennial.pages && toCookieRequest(request),
    }
    const found = perennial.authenticate(credentials, undefined, waitUntil)
    return found instanceof Promise ? found.catch(refuse) : found
  } catch (error) {
    return refuse(error)
  }
}

/**
 * The `Response` to refuse a member with who has none of these roles, or null.
 * @throws TypeError: no role is asked for, or something that is none
 */
export function requireRoles(
  perennial: RequestAuthenticator,
  member: Authenticated,
  ...roles: readonly string[]
): Response | null {
  checkRoleNames(roles)
  try {
    perennial.requireRoles(member, roles)
    return null
  } catch (error) {
    return toResponse(perennial.toResponse(error))
  }
}
