import { createServer, type Server, type ServerResponse } from 'node:http'
import type { Answer } from './connection.ts'

/** A request that a server of the bench received. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly body: string
}

/** A server on a free port of 127.0.0.1. */
export interface LoopbackServer {
  readonly port: number
  readonly url: string
  close(): void
}

/** Returns the port of a server, once it listens. */
export async function portOf(server: Server): Promise<number> {
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not a TCP server')
  return address.port
}

/** Starts a server that answers JSON. */
export async function serveJson(
  respond: (received: Received) => Answer | Promise<Answer>,
): Promise<LoopbackServer> {
  const answer = async (received: Received, response: ServerResponse) => {
    const { status, body } = await respond(received)
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  }
  const server = createServer((request, response) => {
    const { method = 'GET', url: path = '/' } = request
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => (body += chunk))
    request.once('end', () => void answer({ method, path, body }, response))
  })
  const port = await portOf(server.listen(0, '127.0.0.1'))
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
