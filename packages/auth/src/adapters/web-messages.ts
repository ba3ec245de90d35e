import type { AuthResponse, Credentials } from '../http/index.js'

/** The part of Hono's context that answers with the headers that the app has set before. */
export interface ResponseContext {
  header(name: string, value: string, options: { readonly append: true }): void
  newResponse(body: string | null, init: { status: number; headers: Record<string, string> }): Response
}

/** Returns true if a value is such a context. */
export function isResponseContext(value: unknown): value is ResponseContext {
  if (typeof value !== 'object' || value === null) return false
  if (!('header' in value) || !('newResponse' in value)) return false
  return typeof value.header === 'function' && typeof value.newResponse === 'function'
}

/** Answers by Hono's context. A `Response` of our own would replace the cookies of the app, or lose its cookie to them. */
export function respondBy(context: ResponseContext, answer: AuthResponse): Response {
  const { status, headers, cookies = [], body } = answer
  for (const cookie of cookies) context.header('set-cookie', cookie, { append: true })
  return context.newResponse(body, { status, headers: { ...headers } })
}

/** Returns an answer as a web-standard `Response`. */
export function toResponse({ status, headers, cookies = [], body }: AuthResponse): Response {
  const response = new Response(body, { status, headers })
  for (const cookie of cookies) response.headers.append('set-cookie', cookie)
  return response
}

/** The part of a web-standard `Request` that says who sent it. */
export interface RequestHead extends Pick<Request, 'method' | 'url'> {
  readonly headers: Pick<Headers, 'get'>
}

/** Returns a request as the http room reads its cookies. */
export function toCookieRequest(request: RequestHead): NonNullable<Credentials['page']> {
  return { method: request.method, header: (name) => headerOf(request, name) }
}

/** Returns a header. A request over HTTP/2 has its host in the URL only. */
function headerOf(request: RequestHead, name: string): string | undefined {
  return request.headers.get(name) ?? (name === 'host' ? new URL(request.url).host : undefined)
}

/**
 * Returns the DPoP proof of a request; undefined if it has no such header.
 * @param url - the address as the caller sees it, if it is not that of the request
 */
export function toProof(request: Request, url?: string): Credentials['proof'] {
  const proof = request.headers.get('dpop')
  if (proof === null) return undefined
  // The address is read late: a framework may have to put it together first.
  return { proof, method: request.method, url: () => url ?? request.url, source: request }
}
