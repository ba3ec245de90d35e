import { once } from 'node:events'
import { connect } from 'node:net'
import { createPerennial } from '@perennial/auth'
import { pino } from 'pino'
import { expect, it, onTestFinished } from 'vitest'
import { createApp } from './create-app.js'

async function start(keepAliveTimeoutSeconds: number): Promise<{ port: number; close: () => Promise<void> }> {
  const memberstack = { appId: 'app_1', secretKey: 'sk_1' }
  const perennial = await createPerennial({ store: 'memory:', memberstack })
  const app = createApp({
    config: {
      environment: 'production',
      issuerUrl: undefined,
      corsOrigins: [],
      refreshTokenTransport: 'body',
      showDocs: false,
      trustProxy: 0,
      keepAliveTimeoutSeconds,
    },
    perennial,
    logger: pino({ level: 'silent' }),
    readMetrics: null,
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const close = async () => {
    await app.close()
    await perennial.close()
  }
  onTestFinished(close)
  return { port: Number(new URL(url).port), close }
}

/** One kept-alive connection, as a balancer holds it. */
async function connection(port: number) {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  let text = ''
  socket.on('data', (bytes: Buffer) => (text += bytes.toString()))
  const ask = async () => {
    text = ''
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
    while (!/\r\n\r\n.*\}/s.test(text)) await once(socket, 'data')
    return text
  }
  return { socket, ask }
}

it('an idle connection stays open for longer than balancers wait, which is 600 s at most, and the answer says so', async () => {
  const { port } = await start(620)
  const { ask } = await connection(port)
  expect(await ask()).toMatch(/^HTTP\/1\.1 200 [^]*\r\nkeep-alive: timeout=620\r\n/i)
  expect(await ask()).toMatch(/^HTTP\/1\.1 200 /)
})

it(
  'an idle connection is closed after KEEP_ALIVE_TIMEOUT_SECONDS, and serves requests until then',
  { timeout: 30_000 },
  async () => {
    const { port } = await start(1)
    const { socket, ask } = await connection(port)
    expect(await ask()).toMatch(/^HTTP\/1\.1 200 [^]*\r\nkeep-alive: timeout=1\r\n/i)
    const startedAt = performance.now()
    await once(socket, 'close')
    expect(performance.now() - startedAt).toBeGreaterThan(900)
  },
)

it('an idle connection does not delay the shutdown', async () => {
  const { port, close } = await start(620)
  const { socket, ask } = await connection(port)
  await ask()
  const closed = once(socket, 'close')
  await close()
  await closed
})
