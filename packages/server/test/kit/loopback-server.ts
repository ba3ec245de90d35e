import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

/** An HTTP server on a free port of the loopback address. */
export interface LoopbackServer {
  readonly port: number
  /** Without a trailing slash. */
  readonly url: string
  /** Stops listening and drops all connections. */
  close(): Promise<void>
}

/** Handles one request; a rejection fails the test. */
type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

/** Starts the server. Without a handler it accepts connections and never responds. */
export async function startLoopbackServer(handle: Handler = () => {}): Promise<LoopbackServer> {
  const server = createServer((request, response) => void handle(request, response))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
