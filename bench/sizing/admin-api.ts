import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { askMemberstack } from '../session-cost/in-process-memberstack.ts'

/** Memberstack's admin API on a port of this machine. */
export interface AdminApi {
  readonly url: string
  /** Requests answered until now. */
  requests(): number
  close(): void
}

/** Answers every member at once, and every member JWT as verified. */
export async function startAdminApi(): Promise<AdminApi> {
  let requests = 0
  const server = createServer((request, response) => {
    void (async () => {
      requests += 1
      const method = request.method === 'POST' ? 'POST' : 'GET'
      const asked = await askMemberstack({
        method,
        url: request.url ?? '',
        body: await text(request),
        headers: {},
        timeoutSeconds: 1,
      })
      response.writeHead(asked.status, { 'content-type': 'application/json' }).end(asked.body)
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the admin API has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests: () => requests,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
