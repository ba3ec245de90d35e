import type { Agent, ClientRequest, IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import process from 'node:process'

import { HttpFailure, type HttpClient, type HttpRequest, type HttpResponse } from './http-client.js'

/** How {@link createNodeHttpClient} keeps its connections. */
export interface NodeHttpClientOptions {
  /** The most connections to one origin; more calls than that wait for a free one. @defaultValue 128 */
  readonly connectionsPerOrigin?: number | undefined
  /** The most origins with open connections; beyond it the one opened first is closed. @defaultValue 16 */
  readonly maxOrigins?: number | undefined
  /** The longest a connection may take to open, TLS included, in seconds. @defaultValue 4 */
  readonly connectTimeoutSeconds?: number | undefined
}

/** An {@link HttpClient} whose connections its maker closes; `close` waits for the calls under way. */
export type ClosableHttpClient = HttpClient & { close(): Promise<void> }

// An `import` of it reads every export, `WebSocket` among them, and so loads undici: some 30 ms of each start.
const http = process.getBuiltinModule('node:http')

const defaultMaxBodyBytes = 1024 * 1024

/** Unused connections are closed so early that a server hardly ever closes one just as we write to it. */
const idleMs = 4000

/**
 * The default {@link HttpClient}: keep-alive connections of Node's own client, one agent per origin.
 * Nothing of a header, a body or a URL's query gets into what it throws.
 */
export function createNodeHttpClient(options: NodeHttpClientOptions = {}): ClosableHttpClient {
  const connectTimeoutMs = (options.connectTimeoutSeconds ?? 4) * 1000
  const origins = createOrigins(options)
  const client: HttpClient = async (request) => {
    const url = new URL(request.url)
    const origin = origins.of(url)
    if (!origin) throw new HttpFailure('connect', false, { cause: new Error('closed') })
    return origin.track(exchange(origin.agent, url, request, connectTimeoutMs))
  }
  return Object.assign(client, { close: () => origins.close() })
}

/** The connections to one origin, and the calls that use them. */
interface Origin {
  readonly agent: Agent
  track<T>(call: Promise<T>): Promise<T>
  /** Closes the connections once the calls under way have ended. */
  retire(): Promise<void>
}

function createOrigin(agent: Agent): Origin {
  const underWay = new Set<Promise<unknown>>()
  return {
    agent,
    track(call) {
      const tracked = call.finally(() => underWay.delete(tracked))
      underWay.add(tracked)
      return tracked
    },
    async retire() {
      await Promise.allSettled(underWay)
      agent.destroy()
    },
  }
}

function createOrigins(options: NodeHttpClientOptions): {
  of(url: URL): Origin | undefined
  close(): Promise<void>
} {
  const { connectionsPerOrigin = 128, maxOrigins = 16 } = options
  const open = new Map<string, Origin>()
  const closing = new Set<Promise<void>>()
  let closed = false

  const retire = (key: string, origin: Origin) => {
    open.delete(key)
    const done = origin.retire().finally(() => closing.delete(done))
    closing.add(done)
  }
  const create = ({ origin: key, protocol }: URL) => {
    const oldest = open.entries().next().value
    if (oldest && open.size >= maxOrigins) retire(...oldest)
    const AgentOfProtocol = protocol === 'https:' ? HttpsAgent : http.Agent
    const origin = createOrigin(
      new AgentOfProtocol({
        keepAlive: true,
        maxSockets: connectionsPerOrigin,
        timeout: idleMs,
        scheduling: 'lifo',
      }),
    )
    open.set(key, origin)
    return origin
  }
  return {
    of: (url) => (closed ? undefined : (open.get(url.origin) ?? create(url))),
    async close() {
      closed = true
      for (const [key, origin] of open) retire(key, origin)
      await Promise.all(closing)
    },
  }
}

async function exchange(
  agent: Agent,
  url: URL,
  request: HttpRequest,
  connectTimeoutMs: number,
): Promise<HttpResponse> {
  const outgoing = prepare(agent, url, request)
  return new Promise((resolve, reject) => {
    const abandon = drive(outgoing, { request, connectTimeoutMs }, (result) => {
      clearTimeout(timer)
      if (result instanceof Error) reject(result)
      else resolve(result)
    })
    const timer = setTimeout(() => abandon('timeout'), request.timeoutSeconds * 1000)
  })
}

type Abandon = (kind: HttpFailure['kind'], error?: Error) => void

/** Sends the request once it can, and settles once; what it returns gives the call up. */
function drive(
  outgoing: ClientRequest,
  call: { readonly request: HttpRequest; readonly connectTimeoutMs: number },
  settle: (result: HttpResponse | Error) => void,
): Abandon {
  const { request, connectTimeoutMs: timeoutMs } = call
  let sent = false
  let settled = false
  const finish = (result: HttpResponse | Error) => {
    if (!settled) settle(result)
    settled = true
  }
  const abandon: Abandon = (kind, error) => {
    // Every call ends with `close`: what went well shall not pay for an error and its stack.
    if (settled) return
    finish(new HttpFailure(kind, sent, error ? { cause: toCause(error) } : undefined))
    outgoing.destroy()
  }
  const ready = () => {
    sent = true
    outgoing.end(request.body)
  }
  outgoing.on('error', (error) => abandon(sent ? 'reset' : 'connect', error))
  outgoing.once('close', () => abandon(sent ? 'reset' : 'connect'))
  outgoing.once('socket', (socket) => {
    whenConnected(outgoing, socket, { ready, late: () => abandon('timeout'), timeoutMs })
  })
  outgoing.once('response', (incoming) => {
    collect(incoming, request.maxBodyBytes ?? defaultMaxBodyBytes, { done: finish, fail: abandon })
  })
  return abandon
}

/** Nothing of it is on its way yet: headers leave with the first write. */
function prepare(agent: Agent, url: URL, { method, headers, body }: HttpRequest): ClientRequest {
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const open = url.protocol === 'https:' ? httpsRequest : http.request
  try {
    return open(url, { method, agent, headers: { ...headers, ...length } })
  } catch (error) {
    throw malformed(error)
  }
}

function malformed(error: unknown): TypeError {
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
  settle: {
    done: (response: HttpResponse) => void
    fail: Abandon
  },
): void {
  const chunks: Buffer[] = []
  let size = 0
  incoming.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > maxBodyBytes) settle.fail('too-large')
    else chunks.push(chunk)
  })
  incoming.once('error', (error) => settle.fail('reset', error))
  incoming.once('end', () => {
    if (!incoming.complete) settle.fail('reset')
    else
      settle.done({
        status: incoming.statusCode ?? 0,
        headers: flatten(incoming.headers),
        body: Buffer.concat(chunks).toString('utf8'),
      })
  })
}

function flatten(headers: IncomingMessage['headers']): Record<string, string> {
  const flat: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return flat
}

/** Only the code goes on: Node puts the bytes it could not read, or a header, beside it. */
function toCause(error: Error): Error {
  return new Error('code' in error && typeof error.code === 'string' ? error.code : error.name)
}
