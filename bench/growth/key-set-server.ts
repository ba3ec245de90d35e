import { once } from 'node:events'
import { createServer } from 'node:http'
import type { JsonWebKey } from 'node:crypto'

/** A key set on loopback that changes. */
export interface ChangingKeySet {
  readonly url: string
  /** Replaces its keys. */
  publish(keys: readonly JsonWebKey[]): void
  /** How often it was read since the last time this was asked. */
  takeReads(): number
  close(): void
}

/** @param delayMs - how long each answer takes */
export async function startKeySet(keys: readonly JsonWebKey[], delayMs: number): Promise<ChangingKeySet> {
  let body = JSON.stringify({ keys })
  let reads = 0
  const server = createServer((_request, response) => {
    reads += 1
    setTimeout(() => response.setHeader('content-type', 'application/json').end(body), delayMs)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not a TCP server')
  return {
    url: `http://127.0.0.1:${address.port}/jwks.json`,
    publish(next) {
      body = JSON.stringify({ keys: next })
    },
    takeReads() {
      const taken = reads
      reads = 0
      return taken
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
