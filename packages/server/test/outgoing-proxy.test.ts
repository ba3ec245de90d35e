import { request as sendRequest, type RequestListener } from 'node:http'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { readConfig } from '../src/config/index.js'
import { startService, type Service } from '../src/start/index.js'
import { call, verdict } from './kit/auth-calls.js'
import { startLoopbackServer, type LoopbackServer } from './kit/loopback-server.js'
import { newSecret, settingsFor } from './kit/session-world.js'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startEmulator()
})
afterAll(() => emulator.close())

let seen: string[]
let proxy: LoopbackServer
let service: Service | undefined
beforeEach(async () => {
  seen = []
  proxy = await startLoopbackServer(forward)
})
afterEach(async () => {
  await service?.close()
  await proxy.close()
})

/** Forwards a call of `http://memberstack.invalid` to the emulator (RFC 9112 §3.2.2). */
const forward: RequestListener = (incoming, answer) => {
  const target = new URL(String(incoming.url))
  seen.push(target.origin)
  const { method, headers } = incoming
  const onward = sendRequest(new URL(target.pathname, emulator.adminUrl), { method, headers }, (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers)
    response.pipe(answer)
  })
  incoming.pipe(onward)
}

async function start(changes: Readonly<Record<string, string>>): Promise<string> {
  const settings = {
    ...settingsFor(emulator, 'unused'),
    STORE_URL: 'memory:',
    PERENNIAL_SECRET: newSecret(),
    MEMBERSTACK_ADMIN_URL: 'http://memberstack.invalid',
    HTTP_PROXY: proxy.url,
    ...changes,
  }
  service = await startService(readConfig(settings, { readTextFile: () => '' }))
  return service.url
}

async function signIn(url: string) {
  const { accessToken } = await emulator.issueTokens()
  const headers = { authorization: `Bearer ${accessToken}` }
  return await call(url, '/v1/auth/session', { method: 'POST', headers })
}

it('calls Memberstack through the proxy of the environment', async () => {
  const url = await start({})

  expect((await signIn(url)).status).toBe(201)
  expect(new Set(seen)).toEqual(new Set(['http://memberstack.invalid']))
})

it('calls directly what NO_PROXY names', async () => {
  const url = await start({ no_proxy: 'memberstack.invalid' })

  expect(verdict(await signIn(url))).toEqual([503, 'AUTH_UNAVAILABLE'])
  expect(seen).toEqual([])
})

it('calls a Memberstack on this machine directly', async () => {
  const url = await start({ MEMBERSTACK_ADMIN_URL: emulator.adminUrl })

  expect((await signIn(url)).status).toBe(201)
  expect(seen).toEqual([])
})
