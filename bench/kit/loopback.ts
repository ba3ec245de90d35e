import { createServer, type Server } from 'node:http'
import type { Answer } from './http.ts'

/** A request that a server of the bench received. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly body: string
}

/** A server on a free port of 127.0.0.1. */
export interface LoopbackServer {
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
  const server = createServer((request, response) => {
    const { method = 'GET', url: path = '/' } = request
    const answer = async (received: Received) => {
      const { status, body } = await respond(received)
      response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    }
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
    request.once('end', () => void answer({ method, path, body }))
  })
  const url = `http://127.0.0.1:${await portOf(server.listen(0, '127.0.0.1'))}`
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { url, close }
}
