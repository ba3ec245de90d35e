import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { startLoopbackServer } from './loopback-server.js'

/** The way in which a listener answers. */
export type Behaviour = 'ok' | 'status 500' | 'status 429' | 'hang' | 'half an answer' | 'close'

/** One request, its body decoded. */
export interface Received {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** A Sentry or PostHog on loopback that records every request. */
export interface TelemetryListener {
  readonly url: string
  readonly dsn: string
  readonly state: { behaviour: Behaviour; underWay: number; mostUnderWay: number }
  readonly requests: readonly Received[]
  /** Resolves once so many requests have come. */
  untilReceived(count: number): Promise<void>
  /** Returns all that came: URLs, headers and bodies. */
  received(): string
  close(): Promise<void>
}

/** Starts it on a free port. */
export async function startTelemetryListener(behaviour: Behaviour = 'ok'): Promise<TelemetryListener> {
  const requests: Received[] = []
  const waiting: (() => void)[] = []
  const state = { behaviour, underWay: 0, mostUnderWay: 0 }
  const server = await startLoopbackServer(async (request, response) => {
    state.underWay += 1
    state.mostUnderWay = Math.max(state.mostUnderWay, state.underWay)
    response.on('close', () => (state.underWay -= 1))
    const body = await buffer(request).catch(() => null)
    if (body === null) return
    const isZipped = request.headers['content-encoding'] === 'gzip'
    const text = (isZipped ? gunzipSync(body) : body).toString()
    requests.push({ url: request.url ?? '', headers: request.headers, text })
    for (const resolve of waiting.splice(0)) resolve()
    answer(state.behaviour, response)
  })
  return {
    url: server.url,
    dsn: `http://public@127.0.0.1:${server.port}/1`,
    state,
    requests,
    async untilReceived(count) {
      while (requests.length < count) await new Promise<void>((resolve) => waiting.push(resolve))
    },
    received: () =>
      requests.map(({ url, headers, text }) => [url, JSON.stringify(headers), text].join('\n')).join('\n'),
    close: () => server.close(),
  }
}

function answer(behaviour: Behaviour, response: ServerResponse): void {
  if (behaviour === 'ok') response.end('{}')
  if (behaviour === 'status 500') response.writeHead(500).end('broken')
  if (behaviour === 'status 429') response.writeHead(429, { 'retry-after': '3600' }).end()
  if (behaviour === 'half an answer') response.writeHead(200, { 'content-length': '10' }).write('x')
  if (behaviour === 'close') response.destroy()
}
