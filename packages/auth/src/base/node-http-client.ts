import type { Agent, AgentOptions } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import process from 'node:process'
import { urlToHttpOptions } from 'node:url'
import { HttpFailure, type HttpClient } from './http-client.js'
import { exchange, malformed, type Destination, type Target } from './node-http-exchange.js'

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

/** Unused connections are closed so early that a server hardly ever closes one just as we write to it. */
const idleMs = 4000

/**
 * The default {@link HttpClient}: keep-alive connections of Node's own client, one agent per origin.
 * Nothing of a header, a body or a URL's query gets into what it throws.
 */
export function createNodeHttpClient(options: NodeHttpClientOptions = {}): ClosableHttpClient {
  const origins = createOrigins(options)
  const client: HttpClient = async (request) => {
    const url = URL.parse(request.url)
    if (!url) throw malformed(new Error('URL'))
    const origin = origins.of(url)
    if (!origin) throw new HttpFailure('connect', false, { cause: new Error('closed') })
    origin.enter()
    try {
      return await exchange(origin, targetOf(url), request)
    } finally {
      origin.leave()
    }
  }
  return Object.assign(client, { close: () => origins.close() })
}

/** The connections to one origin, and the calls that use them. */
interface Origin extends Destination {
  enter(): void
  leave(): void
  /** Closes the connections once the calls under way have ended. */
  retire(): Promise<void>
}

function createOrigin(destination: Destination, agent: Agent): Origin {
  let underWay = 0
  let becomeIdle = () => {}
  return {
    ...destination,
    enter: () => {
      underWay += 1
    },
    leave: () => {
      underWay -= 1
      if (underWay === 0) becomeIdle()
    },
    async retire() {
      if (underWay > 0) await new Promise<void>((resolve) => (becomeIdle = resolve))
      agent.destroy()
    },
  }
}

function createOrigins(options: NodeHttpClientOptions): {
  of(url: URL): Origin | undefined
  close(): Promise<void>
} {
  const { connectionsPerOrigin = 128, maxOrigins = 16, connectTimeoutSeconds = 4 } = options
  const open = new Map<string, Origin>()
  const closing = new Set<Promise<void>>()
  let closed = false

  const retire = (key: string, origin: Origin) => {
    open.delete(key)
    const done = origin.retire().finally(() => closing.delete(done))
    closing.add(done)
  }
  const create = (url: URL) => {
    const oldest = open.entries().next().value
    if (oldest && open.size >= maxOrigins) retire(...oldest)
    const agent = createAgent(url, {
      keepAlive: true,
      maxSockets: connectionsPerOrigin,
      timeout: idleMs,
      scheduling: 'lifo',
    })
    const destination = { ...destinationOf(url, agent), connectTimeoutMs: connectTimeoutSeconds * 1000 }
    const origin = createOrigin(destination, agent)
    open.set(url.origin, origin)
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

function createAgent({ protocol }: URL, options: AgentOptions): Agent {
  return protocol === 'https:' ? new HttpsAgent(options) : new http.Agent(options)
}

/** Worked out once for all calls, and not from the URL each time. */
function destinationOf(url: URL, agent: Agent): Omit<Destination, 'connectTimeoutMs'> {
  const { protocol, hostname, port } = urlToHttpOptions(url)
  return {
    request: protocol === 'https:' ? httpsRequest : http.request,
    options: { agent, protocol, hostname, ...(port === undefined ? {} : { port }) },
  }
}

function targetOf(url: URL): Target {
  const path = url.pathname + url.search
  const { auth } = url.username || url.password ? urlToHttpOptions(url) : {}
  return auth ? { path, auth } : { path }
}
