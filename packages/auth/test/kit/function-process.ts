/** A function on a platform, as a process: it serves `createFetchHandler` and says what it is by the variables of the platform. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import process from 'node:process'
import { buffer } from 'node:stream/consumers'
import { createPerennial } from '@perennial/auth'
import { createFetchHandler } from '@perennial/auth/fetch'

const options = JSON.parse(process.env['PERENNIAL_TEST_OPTIONS'] ?? '{}')
let now = Number(process.env['PERENNIAL_TEST_NOW'])
const perennial = await createPerennial({ ...options, clock: () => now })
const handle = createFetchHandler(perennial)

const server = createServer((request, response) => void serve(request, response))

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  now = Number(request.headers['x-now'] ?? now)
  const body = await buffer(request)
  const { method = 'GET', url = '/' } = request
  const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [
    name,
    String(value),
  ])
  const answer = await handle(
    new Request(`http://function${url}`, {
      method,
      headers,
      ...(body.length > 0 ? { body: new Uint8Array(body) } : {}),
    }),
  )
  response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text())
}

server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`)
})
