import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http'
import type { Socket } from 'node:net'
import { HttpFailure, type HttpRequest, type HttpResponse } from './http-client.js'

/** Where an exchange goes, and over which connections. */
export interface Destination {
  readonly request: (options: RequestOptions) => ClientRequest
  /** Agent, protocol, host and port. */
  readonly options: RequestOptions
  /** The longest a connection may take to open, TLS included, in milliseconds. */
  readonly connectTimeoutMs: number
}

/** What of the URL differs from call to call. */
export interface Target {
  readonly path: string
  /** User and password of the URL, where it has any. */
  readonly auth?: string
}

type Abandon = (kind: HttpFailure['kind'], error?: Error) => void

const defaultMaxBodyBytes = 1024 * 1024

/**
 * One request and its whole answer. It runs for every refresh, so it makes no promise, copy or wrapper that it can do without.
 * @throws {@link HttpFailure} rejected: no whole answer came
 * @throws TypeError rejected: a header or the path cannot be sent
 */
export function exchange(to: Destination, target: Target, request: HttpRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const outgoing = prepare(to, target, request)
    let isSent = false
    let isSettled = false
    const settle = () => {
      isSettled = true
      clearTimeout(timer)
    }
    const abandon: Abandon = (kind, error) => {
      // Every call ends with `close`: what went well shall not pay for an error and its stack.
      if (isSettled) return
      settle()
      reject(new HttpFailure(kind, isSent, error ? { cause: toCause(error) } : undefined))
      outgoing.destroy()
    }
    const done = (response: HttpResponse) => {
      if (!isSettled) resolve(response)
      settle()
    }
    const ready = () => {
      isSent = true
      outgoing.end(request.body)
    }
    const timer = setTimeout(abandon, request.timeoutSeconds * 1000, 'timeout')
    outgoing.on('error', (error) => abandon(isSent ? 'reset' : 'connect', error))
    outgoing.on('close', () => abandon(isSent ? 'reset' : 'connect'))
    outgoing.on('socket', (socket) => {
      const late = () => abandon('timeout')
      whenConnected(outgoing, socket, { ready, late, timeoutMs: to.connectTimeoutMs })
    })
    outgoing.on('response', (incoming) => {
      collect(incoming, request.maxBodyBytes ?? defaultMaxBodyBytes, { done, abandon })
    })
  })
}

/** Nothing of it is on its way yet: headers leave with the first write. */
function prepare(to: Destination, target: Target, { method, headers, body }: HttpRequest): ClientRequest {
  const all = body === undefined ? headers : { ...headers, 'content-length': String(Buffer.byteLength(body)) }
  try {
    return to.request({ ...to.options, ...target, method, ...(all ? { headers: all } : {}) })
  } catch (error) {
    throw malformed(error)
  }
}

/** For what the caller has spelt wrong: the value stays out of it. */
export function malformed(error: unknown): TypeError {
  const cause = error instanceof Error ? toCause(error) : undefined
  return new TypeError('the HTTP request is malformed', { cause })
}

/**
 * Calls `ready` once the connection is open, TLS included. Only then is anything written, so that whether a call was
 * sent is known for sure: what failed before that (name look-up, connection, TLS, the wait for a connection) never left.
 */
function whenConnected(
  outgoing: ClientRequest,
  socket: Socket,
  { ready, late, timeoutMs }: { ready: () => void; late: () => void; timeoutMs: number },
): void {
  if (outgoing.destroyed) return
  if (outgoing.reusedSocket) {
    ready()
    return
  }
  const timer = setTimeout(late, timeoutMs)
  const connected = () => {
    clearTimeout(timer)
    if (!outgoing.destroyed) ready()
  }
  socket.once(outgoing.protocol === 'https:' ? 'secureConnect' : 'connect', connected)
  outgoing.once('close', () => clearTimeout(timer))
}

function collect(
  incoming: IncomingMessage,
  maxBodyBytes: number,
  { done, abandon }: { readonly done: (response: HttpResponse) => void; readonly abandon: Abandon },
): void {
  const chunks: Buffer[] = []
  let size = 0
  incoming.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > maxBodyBytes) abandon('too-large')
    else chunks.push(chunk)
  })
  incoming.on('error', (error) => abandon('reset', error))
  incoming.on('end', () => {
    if (!incoming.complete) abandon('reset')
    else done({ status: incoming.statusCode ?? 0, headers: flatten(incoming.headers), body: textOf(chunks) })
  })
}

/** Nearly every answer comes in one piece. */
function textOf(chunks: readonly Buffer[]): string {
  const [only] = chunks
  const whole = only && chunks.length === 1 ? only : Buffer.concat(chunks)
  return whole.toString('utf8')
}

function flatten(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const flat: Record<string, string> = {}
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (value !== undefined) flat[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return flat
}

/** Only the code goes on: Node puts the bytes it could not read, or a header, beside it. */
function toCause(error: Error): Error {
  return new Error('code' in error && typeof error.code === 'string' ? error.code : error.name)
}
