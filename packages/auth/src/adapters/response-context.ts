import type { AuthResponse } from '../http/index.js'

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
export function respondBy(context: ResponseContext, { status, headers, body }: AuthResponse): Response {
  const { 'set-cookie': cookie, ...others } = headers
  if (cookie !== undefined) context.header('set-cookie', cookie, { append: true })
  return context.newResponse(body, { status, headers: others })
}
