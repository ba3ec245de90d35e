import type * as Undici from 'undici'
import type { Dispatcher } from 'undici'
import { checkProxy, createDispatcher, type ConnectionOptions } from './http-connections.js'
import { exchange } from './http-exchange.js'
import { HttpFailure, type HttpClient } from './http-client.js'
import { readUrl, targetOf } from './http-target.js'

/** Options of {@link createHttpClient}. */
export interface HttpClientOptions extends ConnectionOptions {
  /** The most origins with open connections. Beyond it the origin opened first is closed. @defaultValue 16 */
  readonly maxOrigins?: number | undefined
}

/** An {@link HttpClient} with connections of its own. `close` waits for the calls under way. */
export type ClosableHttpClient = HttpClient & { close(): Promise<void> }

/**
 * Creates the default {@link HttpClient}: keep-alive connections of undici. undici is loaded at the first call.
 * No header, body or query of a URL gets into the errors of a call.
 * @throws TypeError if the address of a proxy is not valid
 */
export function createHttpClient(options: HttpClientOptions = {}): ClosableHttpClient {
  checkProxy(options.proxy ?? {})
  const origins = createOrigins(options)
  let undici: typeof Undici | undefined
  const client: HttpClient = async (request) => {
    const url = readUrl(request.url)
    undici ??= await import('#undici')
    const origin = origins.of(url, undici)
    if (!origin) throw new HttpFailure('connect', false, { cause: new Error('closed') })
    origin.enter()
    try {
      return await exchange(origin.dispatcher, targetOf(url), request)
    } finally {
      origin.leave()
    }
  }
  return Object.assign(client, { close: () => origins.close() })
}

/** The connections to one origin, and the number of calls that use them. */
interface Origin {
  readonly dispatcher: Dispatcher
  enter(): void
  leave(): void
  /** Closes the connections once the calls under way have ended. */
  retire(): Promise<void>
}

function createOrigin(dispatcher: Dispatcher): Origin {
  let underWay = 0
  let becomeIdle = () => {}
  return {
    dispatcher,
    enter: () => {
      underWay += 1
    },
    leave: () => {
      underWay -= 1
      if (underWay === 0) becomeIdle()
    },
    async retire() {
      if (underWay > 0) await new Promise<void>((resolve) => (becomeIdle = resolve))
      // Not `close`: that waits for calls too that have timed out and still stand in the queue for a connection.
      await dispatcher.destroy()
    },
  }
}

function createOrigins(options: HttpClientOptions): {
  /** Returns undefined once it is closed. */
  of(url: URL, undici: typeof Undici): Origin | undefined
  close(): Promise<void>
} {
  const { maxOrigins = 16 } = options
  const open = new Map<string, Origin>()
  const closing = new Set<Promise<void>>()
  let isClosed = false

  const retire = (key: string, origin: Origin) => {
    open.delete(key)
    const done = origin.retire().finally(() => closing.delete(done))
    closing.add(done)
  }
  const create = (url: URL, undici: typeof Undici) => {
    const oldest = open.entries().next().value
    if (oldest && open.size >= maxOrigins) retire(...oldest)
    const origin = createOrigin(createDispatcher(undici, url, options))
    open.set(url.origin, origin)
    return origin
  }
  return {
    of: (url, undici) => (isClosed ? undefined : (open.get(url.origin) ?? create(url, undici))),
    async close() {
      isClosed = true
      for (const [key, origin] of open) retire(key, origin)
      await Promise.all(closing)
    },
  }
}
