import { Pool, type Dispatcher } from 'undici'

import { HttpFailure, type HttpClient, type HttpRequest, type HttpResponse } from './http-client.js'

/** How {@link createUndiciHttpClient} keeps its connections. */
export interface UndiciHttpClientOptions {
  /** The most connections to one origin; more calls than that wait for a free one. @defaultValue 128 */
  readonly connectionsPerOrigin?: number | undefined
  /** The most origins with open connections; beyond it the one opened first is closed. @defaultValue 16 */
  readonly maxOrigins?: number | undefined
  /** The longest a connection may take to open, TLS included, in seconds. @defaultValue 4 */
  readonly connectTimeoutSeconds?: number | undefined
}

/** An {@link HttpClient} whose connections its maker closes; `close` waits for the calls under way. */
export type ClosableHttpClient = HttpClient & { close(): Promise<void> }

const defaultMaxBodyBytes = 1024 * 1024

/**
 * The default {@link HttpClient}: keep-alive connections of undici, one pool per origin.
 * Nothing of a header, a body or a URL's query gets into what it throws.
 */
export function createUndiciHttpClient(options: UndiciHttpClientOptions = {}): ClosableHttpClient {
  const pools = createPools(options)
  const client: HttpClient = async (request) => {
    const url = new URL(request.url)
    const pool = pools.of(url.origin)
    if (!pool) throw new HttpFailure('connect', false, { cause: new Error('closed') })
    return exchange(pool, url, request)
  }
  return Object.assign(client, { close: () => pools.close() })
}

interface Pools {
  of(origin: string): Pool | undefined
  close(): Promise<void>
}

function createPools(options: UndiciHttpClientOptions): Pools {
  const { connectionsPerOrigin = 128, maxOrigins = 16, connectTimeoutSeconds = 4 } = options
  const open = new Map<string, Pool>()
  const closing = new Set<Promise<void>>()
  let closed = false

  const retire = (origin: string, pool: Pool) => {
    open.delete(origin)
    const done = pool.close().finally(() => closing.delete(done))
    closing.add(done)
  }
  const create = (origin: string) => {
    const oldest = open.entries().next().value
    if (oldest && open.size >= maxOrigins) retire(...oldest)
    const pool = new Pool(origin, {
      connections: connectionsPerOrigin,
      connect: { timeout: connectTimeoutSeconds * 1000 },
      // The whole exchange has one limit of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    open.set(origin, pool)
    return pool
  }
  return {
    of: (origin) => (closed ? undefined : (open.get(origin) ?? create(origin))),
    async close() {
      closed = true
      for (const [origin, pool] of open) retire(origin, pool)
      await Promise.all(closing)
    },
  }
}

function exchange(pool: Pool, url: URL, request: HttpRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const { handler, abandon } = collectAnswer(request.maxBodyBytes ?? defaultMaxBodyBytes, (result) => {
      clearTimeout(timer)
      if (result instanceof Error) reject(result)
      else resolve(result)
    })
    const timer = setTimeout(() => abandon('timeout'), request.timeoutSeconds * 1000)
    pool.dispatch(
      {
        path: url.pathname + url.search,
        method: request.method,
        headers: { ...request.headers },
        body: request.body ?? null,
        idempotent: false,
      },
      handler,
    )
  })
}

interface Collector {
  readonly handler: Dispatcher.DispatchHandler
  readonly abandon: (kind: HttpFailure['kind']) => void
}

/**
 * Settles once with the whole answer or the failure. Whether anything was sent is known for sure: undici says when it
 * starts writing, so what failed before that (name look-up, connection, TLS, waiting for a connection) never left.
 */
function collectAnswer(maxBodyBytes: number, settle: (result: HttpResponse | Error) => void): Collector {
  let controller: Dispatcher.DispatchController | undefined
  let head: Omit<HttpResponse, 'body'> | undefined
  const chunks: Buffer[] = []
  let size = 0
  let settled = false

  const finish = (result: HttpResponse | Error) => {
    if (settled) return
    settled = true
    settle(result)
  }
  const abandon = (kind: HttpFailure['kind']) => {
    finish(new HttpFailure(kind, controller !== undefined))
    controller?.abort(new Error('abandoned'))
  }
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      // Given up while it waited, or put back into the queue after it was written: neither may go out now.
      const mayGoOut = !settled && !controller
      if (mayGoOut) controller = started
      else started.abort(new Error('abandoned'))
    },
    onResponseStart(_controller, status, headers) {
      if (status >= 200) head = { status, headers: flatten(headers) }
    },
    onResponseData(_controller, chunk) {
      size += chunk.length
      if (size > maxBodyBytes) abandon('too-large')
      else chunks.push(chunk)
    },
    onResponseEnd() {
      if (head) finish({ ...head, body: Buffer.concat(chunks).toString('utf8') })
    },
    onResponseError(_controller, error) {
      finish(toFailure(error, controller !== undefined))
    },
  }
  return { handler, abandon }
}

function flatten(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const flat: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return flat
}

function toFailure(error: Error, sent: boolean): Error {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  // Only the code goes on: undici puts a piece of the body into what it throws at malformed answers.
  const cause = new Error(code)
  if (code === 'UND_ERR_INVALID_ARG') return new TypeError('the HTTP request is malformed', { cause })
  if (sent) return new HttpFailure('reset', true, { cause })
  return new HttpFailure(code === 'UND_ERR_CONNECT_TIMEOUT' ? 'timeout' : 'connect', false, { cause })
}
