import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import { type BodyReading, type Credentials, maxBodyBytes, type RequestAuthenticator } from '../http/index.js'

/**
 * Returns a header of a Node request by its lower-case name. In HTTP/2 the host is in `:authority` (RFC 9113 §8.3.1), which
 * replaces `Host`.
 */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = (name === 'host' ? headers[':authority'] : undefined) ?? headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** A request of a Node framework, as far as its address is concerned. */
interface AddressedRequest {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly protocol: string
  /** The path as it was sent, wherever the routes are mounted, with its query. */
  readonly originalUrl: string
}

/**
 * Returns the places of a Node framework's request that a token may come in. `source`: the object that all middleware of a request
 * shares. `url`: returns the address of the request as its caller sees it.
 */
export function nodeCredentials<Given extends AddressedRequest>(
  request: Given,
  frame: {
    readonly source: object
    readonly url: (request: Given) => string
    readonly perennial: Pick<RequestAuthenticator, 'pages'>
  },
): Credentials {
  const { method, headers } = request
  const proof = headerOf(headers, 'dpop')
  return {
    authorization: headers.authorization,
    memberstackToken: headerOf(headers, 'x-memberstack-token'),
    proof:
      proof === undefined
        ? undefined
        : { proof, method, url: () => frame.url(request), source: frame.source },
    page: frame.perennial.pages ? { method, header: (name) => headerOf(headers, name) } : undefined,
  }
}

/** Returns the address of a request as its caller sees it, by the proxy rules of the framework, which are in `protocol` and `host`. */
export function addressOf({ protocol, originalUrl }: AddressedRequest, host: string | undefined): string {
  return `${protocol}://${host ?? ''}${originalUrl}`
}

/**
 * Returns the bytes that a platform or a plugin kept of a body which it parsed before us, as `rawBody` of the request: Google
 * Cloud Functions, Firebase, `fastify-raw-body`. Undefined if there are none.
 */
export function readRawBody(request: object, maxBytes: number = maxBodyBytes): BodyReading | undefined {
  const kept: unknown = 'rawBody' in request ? request.rawBody : undefined
  const bytes = typeof kept === 'string' ? Buffer.from(kept) : kept
  if (!(bytes instanceof Uint8Array)) return undefined
  return bytes.length > maxBytes ? { kind: 'too_large' } : { kind: 'bytes', bytes }
}

/** Reads the body of a stream. A body that breaks off counts as empty. One that is too large is read to its end, but not kept. */
export function readStreamBody(payload: Readable, maxBytes: number = maxBodyBytes): Promise<BodyReading> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let length = 0
    payload.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length <= maxBytes) chunks.push(chunk)
      else resolve({ kind: 'too_large' })
    })
    payload.once('end', () => resolve({ kind: 'bytes', bytes: Buffer.concat(chunks) }))
    payload.once('close', () => resolve({ kind: 'bytes', bytes: Buffer.alloc(0) }))
    payload.once('error', () => resolve({ kind: 'bytes', bytes: Buffer.alloc(0) }))
    if (payload.readableEnded || payload.destroyed) resolve({ kind: 'bytes', bytes: Buffer.alloc(0) })
  })
}

/** Reads the body of a Fastify request: what was kept of it, the stream that replaced it, or its own. */
export async function readFastifyBody(
  request: { readonly raw: Readable; readonly body: unknown },
  maxBytes?: number,
): Promise<BodyReading> {
  const { raw, body } = request
  const kept = readRawBody(request, maxBytes) ?? readRawBody(raw, maxBytes)
  return kept ?? (await readStreamBody(body instanceof Readable ? body : raw, maxBytes))
}

/** Returns true if Fastify refused the media type of a request before its handler ran. */
export function isRefusedMediaType(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : null
  return code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE' || code === 'FST_ERR_ROUTE_MISSING_CONTENT_TYPE'
}
