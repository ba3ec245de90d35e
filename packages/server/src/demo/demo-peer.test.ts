import { createPerennial } from '@perennial/auth'
import { startEmulator } from '@perennial/emulator'
import { fastify, type FastifyInstance } from 'fastify'
import { expect, it, onTestFinished } from 'vitest'
import { createDemo } from './demo.js'

const clock = () => Date.now() / 1000

async function start(): Promise<FastifyInstance> {
  const emulator = await startEmulator()
  const { appId, secretKey, adminUrl } = emulator
  const perennial = await createPerennial({ store: 'memory:', memberstack: { appId, secretKey, adminUrl } })
  const demo = createDemo({ emulator, perennial, openShortLived: null, transport: 'body', clock })
  const app = fastify()
  app.setErrorHandler((error, _request, reply) => {
    const { status, body } = perennial.toResponse(error)
    return reply.code(status).send(body)
  })
  // The page sends options of a plugin that the service registers.
  app.addHook('onRoute', (route) => void Reflect.deleteProperty(route, 'helmet'))
  demo.addRoutes(app)
  onTestFinished(async () => {
    await app.close()
    await perennial.close()
    await emulator.close()
  })
  return app
}

const here = ['127.0.0.1', '127.8.0.1', '::1', '::ffff:127.0.0.1']
const elsewhere = ['192.0.2.7', '10.0.0.5', '::ffff:192.0.2.7', '2001:db8::1', 'fe80::1', '::']

it('the demo signs in a browser on this machine alone, whatever Host header another machine sends', async () => {
  const app = await start()
  const statusOf = async (remoteAddress: string, more: Record<string, string> = {}) => {
    const headers = { host: 'localhost:8787', origin: 'http://localhost:8787', ...more }
    const signIn = { method: 'POST', url: '/demo/sign-in/ada', headers, remoteAddress } as const
    const page = { method: 'GET', url: '/', headers, remoteAddress } as const
    return [(await app.inject(page)).statusCode, (await app.inject(signIn)).statusCode]
  }
  for (const address of here) expect([address, ...(await statusOf(address))]).toEqual([address, 200, 200])
  for (const address of elsewhere)
    expect([address, ...(await statusOf(address))]).toEqual([address, 302, 403])
  for (const header of [{ 'x-forwarded-for': '192.0.2.7' }, { forwarded: 'for=192.0.2.7' }])
    expect(await statusOf('127.0.0.1', header)).toEqual([302, 403])
})
