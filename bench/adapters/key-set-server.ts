import { createServer } from 'node:http'
import { portOf } from './contender.ts'

/** A key set on loopback, at as many addresses as one likes. */
export interface KeySetServer {
  /** The address of one contender's own. */
  urlFor(name: string): string
  /** How often it was fetched from there. */
  fetchesBy(name: string): number
  close(): void
}

/** Serves `keySet` and counts. */
export async function startKeySetServer(keySet: string): Promise<KeySetServer> {
  const fetches = new Map<string, number>()
  const server = createServer((request, response) => {
    const path = request.url ?? '/'
    fetches.set(path, (fetches.get(path) ?? 0) + 1)
    response.setHeader('content-type', 'application/json').end(keySet)
  })
  const port = await portOf(server.listen(0, '127.0.0.1'))
  const pathOf = (name: string) => `/${encodeURIComponent(name)}/jwks.json`
  return {
    urlFor: (name) => `http://127.0.0.1:${port}${pathOf(name)}`,
    fetchesBy: (name) => fetches.get(pathOf(name)) ?? 0,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
