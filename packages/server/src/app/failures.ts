import process from 'node:process'
import type { Duplex } from 'node:stream'
import { AuthError, type Perennial } from '@perennial/auth'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'

// Not by `import`, which would load undici (see the library's HTTP client).
const { STATUS_CODES } = process.getBuiltinModule('node:http')

/** Adds the handlers for unknown routes and for errors; both answer in the one shape of errors. */
export function addFailureAnswers(
  app: FastifyInstance,
  parts: { readonly perennial: Perennial; readonly logger: Logger; readonly readPaths: ReadonlySet<string> },
): void {
  const refuseUnrouted = (request: FastifyRequest, reply: FastifyReply) =>
    answer(reply, parts.perennial, unrouted(request.url, parts.readPaths))

  app.setNotFoundHandler(refuseUnrouted)
  app.setErrorHandler((error, request, reply) => {
    // Fastify checks the body before the route, so a body that it rejects had no route.
    if (isFastifyRefusal(error)) return refuseUnrouted(request, reply)
    if (!(error instanceof AuthError))
      parts.logger.error({ err: error, requestId: request.id }, 'request_failed')
    return answer(reply, parts.perennial, error)
  })
}

/** Sends the library's response to an error. */
export function answer(reply: FastifyReply, perennial: Perennial, error: unknown): FastifyReply {
  const { status, headers, body } = perennial.toResponse(error)
  return reply.code(status).headers(headers).send(body)
}

/** Returns `AUTH_METHOD_NOT_ALLOWED` for a path that answers other methods, else `AUTH_NOT_FOUND`. */
export function unrouted(url: string, readPaths: ReadonlySet<string>): AuthError {
  const [path = ''] = url.split('?', 1)
  if (!readPaths.has(path))
    return new AuthError('AUTH_NOT_FOUND', 'There is nothing at this address.', { reason: 'not_found' })
  return new AuthError('AUTH_METHOD_NOT_ALLOWED', 'This address answers GET and HEAD only.', {
    headers: { allow: 'GET, HEAD' },
    reason: 'method',
  })
}

function isFastifyRefusal(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error) || !('statusCode' in error)) return false
  return /^FST_ERR_(CTP|ROUTE)_/.test(String(error.code)) && Number(error.statusCode) < 500
}

/**
 * Answers a request that never reaches a route: it is not HTTP, is too slow, or has too many headers. The codes here are
 * none of those at which a client signs out, since the cause may be a broken proxy on the way.
 */
export function refuseConnection(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, code, text, retryable] = connectionRefusals[error.code ?? ''] ?? notHttp
  const body = JSON.stringify({ error: text, code, retryable })
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `${retryable ? 'Retry-After: 1\r\n' : ''}Connection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}

/** Sends the same answer to a request that is HTTP but cannot be served. */
export function refuseUnread(reply: FastifyReply): FastifyReply {
  const [status, code, error] = notHttp
  return reply
    .code(status)
    .headers({ 'cache-control': 'no-store', connection: 'close' })
    .type('application/json; charset=utf-8')
    .send(JSON.stringify({ error, code }))
}

type ConnectionRefusal = readonly [status: number, code: string, text: string, retryable?: true]

const notHttp: ConnectionRefusal = [400, 'AUTH_NOT_FOUND', 'This request cannot be read.']
const connectionRefusals: Readonly<Record<string, ConnectionRefusal>> = {
  HPE_HEADER_OVERFLOW: [431, 'AUTH_REQUEST_TOO_LARGE', 'The headers are too large.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'AUTH_REQUEST_TOO_LARGE', 'The body is too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'AUTH_UNAVAILABLE', 'The request did not arrive in time.', true],
}
