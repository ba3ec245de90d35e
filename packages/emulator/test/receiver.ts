import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'

/** A request that the receiver was sent. */
export interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Something that takes webhooks, on a free loopback port. */
export interface Receiver {
  readonly url: string
  readonly received: readonly Received[]
  close(): Promise<void>
}

/** Answers the first requests with `statuses`, then 200; null leaves a request without an answer. */
export async function startReceiver(statuses: readonly (number | null)[] = []): Promise<Receiver> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString()
    })
    request.on('end', () => {
      const status = statuses[received.length]
      received.push({ headers: request.headers, body })
      if (status === null) return
      // Only a redirect is looked at for it; whoever follows one is seen here once more.
      response.writeHead(status ?? 200, { location: '/elsewhere' }).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('no TCP address')
  return {
    url: `http://127.0.0.1:${address.port}/hook`,
    received,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
