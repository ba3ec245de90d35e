import { createServer, type Server } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { portOf } from './loopback.ts'
import { askMe, runLoad, type Shot } from './load.ts'
import { percentile } from './rounds.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** Starts a server that gives one wrong answer. */
async function start(wrongAt: number, wrong: { status: number; body: string }): Promise<number> {
  let asked = 0
  const server = createServer((_request, response) => {
    const { status, body } = ++asked === wrongAt ? wrong : { status: 200, body: '{"id":"mem_1"}' }
    response.writeHead(status, { 'content-length': body.length }).end(body)
  })
  servers.push(server)
  return portOf(server.listen(0, '127.0.0.1'))
}

const shot: Shot = { token: 'a.b.c', status: 200, expected: '{"id":"mem_1"}' }
const plan = (port: number) => ({ port, connections: 4, count: 50, send: askMe(() => shot) })
const paced = (port: number) => runLoad({ ...plan(port), perSecond: 500 })
const all = (port: number) => runLoad(plan(port))

describe.each([
  ['paced traffic', paced],
  ['traffic as fast as it goes', all],
])('%s', (_name, send) => {
  it('gives a time for each request when every answer is the expected one', async () => {
    const { timesMs } = await send(await start(0, { status: 200, body: '' }))
    expect(timesMs).toHaveLength(50)
  })

  it.each([
    ['another member', { status: 200, body: '{"id":"mem_2"}' }],
    ['another status', { status: 500, body: '{"id":"mem_1"}' }],
    ['a refusal', { status: 401, body: '{"code":"AUTH_TOKEN_INVALID"}' }],
    ['nothing', { status: 204, body: '' }],
  ])('gives no figure when one answer was %s', async (_what, wrong) => {
    await expect(send(await start(20, wrong))).rejects.toThrow(/no figure from errors: answered/)
  })

  it('gives no figure when an answer does not say how long it is', async () => {
    const port = await start(0, { status: 200, body: '' })
    const [server] = servers
    server?.removeAllListeners('request').on('request', (_request, response) => {
      response.write('{"id":')
      response.end('"mem_1"}')
    })
    await expect(send(port)).rejects.toThrow(/without its length/)
  })

  it('gives no figure when a server goes away', async () => {
    const port = await start(0, { status: 200, body: '' })
    const [server] = servers
    let asked = 0
    server?.on('request', () => {
      if (++asked === 10) server.closeAllConnections()
    })
    await expect(send(port)).rejects.toThrow()
  })
})

describe('a refusal that is wanted', () => {
  it('is known by its status and its code', async () => {
    const port = await start(1, { status: 401, body: '{"code":"AUTH_TOKEN_INVALID"}' })
    const refusal: Shot = { token: 'a.b.c', status: 401, expected: 'AUTH_TOKEN_INVALID' }
    const { timesMs } = await runLoad({ port, connections: 1, count: 1, send: askMe(() => refusal) })
    expect(timesMs).toHaveLength(1)
  })
})

it('takes the percentile from the sorted times', () => {
  const times = Array.from({ length: 100 }, (_, index) => 100 - index)
  expect([percentile(times, 0.5), percentile(times, 0.99), percentile(times, 1)]).toEqual([51, 100, 100])
})
