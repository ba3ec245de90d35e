import { createServer, type RequestListener, type Server } from 'node:http'
import { onTestFinished } from 'vitest'

/** An HTTP server of a test, on a free port of the loopback address. */
export interface RunningServer {
  readonly server: Server
  /** `http://127.0.0.1:…`, without a path. */
  readonly origin: string
  /** Closes the server and every connection to it. */
  readonly close: () => Promise<void>
}

/** Starts a server that runs until it is closed, for `beforeAll`. Use {@link listen} within a test. */
export async function startServer(handler: RequestListener): Promise<RunningServer> {
  const server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    server,
    origin: `http://127.0.0.1:${address.port}`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Starts a server that is closed when the current test ends. */
export async function listen(handler: RequestListener): Promise<RunningServer> {
  const running = await startServer(handler)
  onTestFinished(() => running.close())
  return running
}
