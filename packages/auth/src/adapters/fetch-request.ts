import type { WaitUntil } from '../base/background.js'
import { failure } from '../base/failures.js'
import { maxBodyBytes, type AuthRequest, type BodyReading } from '../http/index.js'
import { toCookieRequest } from './web-messages.js'

/** The parts of a request that are not in a web-standard `Request`. */
export interface RequestSurroundings {
  /** The path below the mount point. */
  readonly path: string
  readonly ip?: string | undefined
  readonly waitUntil: WaitUntil | undefined
  /** Returns the address of the request as its caller sees it. */
  readonly url: () => string
  readonly isProxied?: (() => boolean) | undefined
}

/** Returns a web-standard `Request` as the core reads it. */
export function toAuthRequest(request: Request, { waitUntil, ...place }: RequestSurroundings): AuthRequest {
  return {
    ...toCookieRequest(request),
    ...place,
    requestId: crypto.randomUUID(),
    waitUntil,
    source: request,
    readBody: (maxBytes = maxBodyBytes) => readBody(request, maxBytes),
  }
}

async function readBody(request: Request, maxBytes: number): Promise<BodyReading> {
  if (request.bodyUsed || request.body?.locked) {
    throw failure('bodyAlreadyRead')
  }
  const { body } = request
  if (!body) return { kind: 'bytes', bytes: new Uint8Array() }
  return new Promise((resolve) => {
    // A body that breaks off counts as empty: no caller waits for its answer.
    readStream(body, maxBytes, resolve).catch(() => resolve({ kind: 'bytes', bytes: new Uint8Array() }))
  })
}

/** Reads on, without keeping anything, when a body is too large: breaking it off could close the connection before our answer. */
async function readStream(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  resolve: (reading: BodyReading) => void,
): Promise<void> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length <= maxBytes) chunks.push(chunk)
    else resolve({ kind: 'too_large' })
  }
  resolve({ kind: 'bytes', bytes: Buffer.concat(chunks) })
}
