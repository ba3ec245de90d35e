import { createServer, type Server } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { portOf } from './contender.js'
import { load } from './load.js'

describe('load', () => {
  const servers: Server[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) server.closeAllConnections()
  })

  /** A server whose `wrongAt`th answer is wrong. */
  async function start(wrongAt: number, wrong: { status: number; body: string }) {
    let asked = 0
    const server = createServer((_request, response) => {
      const { status, body } = ++asked === wrongAt ? wrong : { status: 200, body: '{"id":"mem_1"}' }
      response.writeHead(status).end(body)
    }).listen(0, '127.0.0.1')
    servers.push(server)
    return portOf(server)
  }
  const shot = () => ({ token: 'a.b.c', expected: '{"id":"mem_1"}' })

  it('gives a figure when every answer is the expected one', async () => {
    const port = await start(0, { status: 200, body: '' })
    expect((await load(port, 100, shot)).requestsPerSecond).toBeGreaterThan(0)
  })

  it.each([
    ['another member', { status: 200, body: '{"id":"mem_2"}' }],
    ['a refusal', { status: 401, body: '{"id":"mem_1"}' }],
    ['an error', { status: 500, body: '' }],
    ['nothing', { status: 204, body: '' }],
  ])('gives none when one answer of a hundred is %s', async (_name, wrong) => {
    const port = await start(77, wrong)
    await expect(load(port, 100, shot)).rejects.toThrow(`answered ${wrong.status}`)
  })
})
