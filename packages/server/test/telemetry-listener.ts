import { once } from 'node:events'
import { createServer } from 'node:http'
import { gunzipSync } from 'node:zlib'

/** A Sentry or PostHog on loopback that takes whatever comes. */
export interface TelemetryListener {
  readonly url: string
  readonly dsn: string
  /** Everything that came: addresses, headers and bodies. */
  received(): string
  close(): void
}

/** Listens on a free port. */
export async function startTelemetryListener(): Promise<TelemetryListener> {
  const texts: string[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const isZipped = request.headers['content-encoding'] === 'gzip'
      texts.push(
        request.url ?? '',
        JSON.stringify(request.headers),
        String(isZipped ? gunzipSync(body) : body),
      )
      response.end('{}')
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    dsn: `http://public@127.0.0.1:${address.port}/1`,
    received: () => texts.join('\n'),
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
