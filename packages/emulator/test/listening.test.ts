import { afterEach, describe, expect, it } from 'vitest'
import { createHttpServer, type HttpServer } from '../src/http/server.js'
import { startEmulator, type Emulator } from '../src/index.js'
import { readOptions } from '../src/controls/options.js'
import { createWorld } from '../src/world/world.js'
import { call } from './call.js'

let emulator: Emulator | null = null
let server: HttpServer | null = null
afterEach(async () => {
  await Promise.all([emulator?.close(), server?.app.close()])
  emulator = null
  server = null
})

describe('the address to listen on', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.2', '127.0.0.2'],
    ['localhost', 'localhost'],
    ['::1', '[::1]'],
  ])('%s needs no permission, and the URLs name it', async (host, inUrls) => {
    emulator = await startEmulator({ host })
    expect(emulator.url).toBe(`http://${inUrls}:${emulator.port}`)
    expect((await call('GET', emulator.jwksUri)).status).toBe(200)
    expect((await call('GET', `${emulator.url}/_emulator/calls`)).body).toEqual({ 'GET /jwks.json': 1 })
  })

  it.each(['0.0.0.0', '::', '192.0.2.7', '::ffff:192.0.2.7', '2001:db8::1'])(
    '%s is refused with one line, unless allowRemote permits it',
    async (host) => {
      await expect(startEmulator({ host })).rejects.toThrow(
        new TypeError(
          `host ${host} can be reached by other machines, and the keys of the emulator are public: listen there only with allowRemote (--allow-remote)`,
        ),
      )
      expect(readOptions({ host, allowRemote: true }).host).toBe(host)
    },
  )

  it.each(['', 'example.com', '127.0.0.1:8788', '127.1'])('"%s" is refused as no address', async (host) => {
    await expect(startEmulator({ host, allowRemote: true })).rejects.toThrow(
      /host must be localhost or an IP/,
    )
  })
})

describe('the test routes', () => {
  const ask = async (remoteAddress: string, headers: Record<string, string>): Promise<number> => {
    server ??= await createHttpServer(await createWorld(readOptions({})))
    const answer = await server.app.inject({ url: '/_emulator/calls', remoteAddress, headers })
    return answer.statusCode
  }

  it.each(['127.0.0.1', '127.3.2.1', '::1', '::ffff:127.0.0.1'])('answer the peer %s', async (peer) => {
    expect(await ask(peer, { host: 'localhost:8788' })).toBe(200)
    expect(await ask(peer, { host: 'localhost', origin: 'http://127.0.0.1:3000' })).toBe(200)
  })

  it.each(['192.0.2.7', '10.0.0.1', '::ffff:10.0.0.1', '2001:db8::1'])(
    'refuse the peer %s, whatever Host, Origin and forwarding headers say',
    async (peer) => {
      expect(await ask(peer, { host: 'localhost' })).toBe(403)
      expect(await ask(peer, { host: '127.0.0.1:8788', origin: 'http://localhost' })).toBe(403)
      expect(await ask(peer, { host: '[::1]', 'x-forwarded-for': '127.0.0.1' })).toBe(403)
      expect(await ask(peer, { host: 'localhost', forwarded: 'for=127.0.0.1' })).toBe(403)
    },
  )

  it('refuse a local peer with another Host or Origin: a page on this machine', async () => {
    expect(await ask('127.0.0.1', { host: 'evil.example' })).toBe(403)
    expect(await ask('127.0.0.1', { host: 'localhost', origin: 'https://evil.example' })).toBe(403)
  })
})
