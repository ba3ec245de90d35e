import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http'
import { close, listen } from '../../packages/client/test/browser/listen.js'

/** The fate of an answer: it arrives, it is lost as a whole, or it breaks off in the middle. */
export type Fate = 'arrives' | 'lost' | 'cut'

/** A proxy that loses answers after the server has given them. */
export interface LossyProxy {
  readonly url: string
  /** Decides the fate of each answer. */
  fate: (request: IncomingMessage) => Fate
  /** Called for each request. The server gets the request when this has resolved. */
  before: (request: IncomingMessage) => Promise<void> | void
  /** How many answers met which fate. */
  readonly met: Record<Fate, number>
  close(): Promise<void>
}

/** Starts a proxy to a server on this machine. It keeps the `Host` of the browser. */
export async function startLossyProxy(target: string): Promise<LossyProxy> {
  const met: Record<Fate, number> = { arrives: 0, lost: 0, cut: 0 }
  const forward = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    await proxy.before(request)
    const upstream = send(new URL(request.url ?? '/', target), {
      method: request.method,
      headers: request.headers,
      setHost: false,
    })
    upstream.on('error', () => response.destroy())
    upstream.on('response', (answer) => {
      const fate = proxy.fate(request)
      met[fate] += 1
      pass(answer, response, fate)
    })
    request.pipe(upstream)
  }
  const server = createServer((request, response) => void forward(request, response))
  const proxy: LossyProxy = {
    url: await listen(server),
    fate: () => 'arrives',
    before: () => {},
    met,
    close: () => close(server),
  }
  return proxy
}

function pass(answer: IncomingMessage, response: ServerResponse, fate: Fate): void {
  answer.on('error', () => response.destroy())
  if (fate === 'lost') {
    answer.resume().on('end', () => response.destroy())
    return
  }
  response.writeHead(answer.statusCode ?? 502, answer.headers)
  if (fate === 'arrives') answer.pipe(response)
  else
    answer.once('data', (bytes: Buffer) =>
      response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy()),
    )
  answer.on('end', () => response.end())
}
