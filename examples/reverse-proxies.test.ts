import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { connect, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPerennial, type PerennialOptions } from '@perennial/auth'
import { perennialAuth } from '@perennial/auth/fastify'
import { startEmulator, type Emulator } from '@perennial/emulator'
import Fastify from 'fastify'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createProver } from '../packages/auth/test/kit/proofs.js'

/** A reverse proxy, with the example's configuration as its user starts it. */
interface Proxy {
  readonly name: string
  readonly file: string
  readonly command: (configuration: string, folder: string) => readonly [string, ...string[]]
  /** The answer if the check itself could not be made. */
  readonly away: number
  /** The answer if the caller has reached a limit. */
  readonly limited: number
}

const proxies: readonly Proxy[] = [
  {
    name: 'nginx',
    file: 'nginx/nginx.conf',
    command: (path, folder) => ['nginx', '-p', folder, '-c', path, '-g', 'daemon off;'],
    away: 503,
    limited: 503,
  },
  {
    name: 'caddy',
    file: 'caddy/Caddyfile',
    command: (path) => ['caddy', 'run', '--adapter', 'caddyfile', '--config', path],
    away: 502,
    limited: 429,
  },
]

const isInstalled = ({ name }: Proxy): boolean => {
  if (spawnSync(name, [name === 'nginx' ? '-v' : 'version']).status === 0) return true
  const line = `No test of the ${name} example: apt-get install -y ${name}`
  if (process.env['CI']) throw new Error(line)
  process.stderr.write(`\n*** ${line} ***\n\n`)
  return false
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Resolves when the port accepts connections; rejects with the output if the program has ended, or after 20 s. */
async function untilListening(port: number, hasEnded: () => string | null): Promise<void> {
  const attempt = async () => {
    const socket = connect(port, '127.0.0.1')
    const isOpen = once(socket, 'connect').then(
      () => true,
      () => false,
    )
    const outcome = hasEnded() ?? (await isOpen)
    socket.destroy()
    return outcome
  }
  await expect.poll(attempt, { timeout: 20_000, interval: 20 }).not.toBe(false)
  const output = hasEnded()
  if (output !== null) throw new Error(output)
}

describe.each(proxies.filter(isInstalled))('an API behind $name', (proxy) => {
  let emulator: Emulator
  const closers: (() => Promise<unknown> | void)[] = []
  beforeAll(async () => {
    emulator = await startEmulator()
  })
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close()
    emulator.reset()
  })
  afterAll(() => emulator.close())

  /** The API: it sees headers and bodies, and knows nothing of tokens. */
  async function startApi(port: number): Promise<{ headers: IncomingHttpHeaders; body: string }[]> {
    const seen: { headers: IncomingHttpHeaders; body: string }[] = []
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.once('end', () => {
        seen.push({ headers: request.headers, body })
        response.writeHead(request.url === '/broken' ? 500 : 200).end('the API')
      })
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    closers.push(() => void server.close())
    return seen
  }

  async function startService(port: number, options: Partial<PerennialOptions>) {
    const { appId, secretKey, adminUrl } = emulator
    const memberstack = { appId, secretKey, adminUrl }
    const perennial = await createPerennial({ store: 'memory:', memberstack, ...options })
    const app = Fastify({ forceCloseConnections: true, trustProxy: '127.0.0.1' })
    app.register(perennialAuth, { prefix: '/v1/auth', perennial })
    await app.listen({ port, host: '127.0.0.1' })
    const close = async () => {
      await app.close()
      await perennial.close()
    }
    closers.push(close)
    return close
  }

  async function startProxy(ports: Readonly<Record<string, number>>): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'perennial-proxy-'))
    closers.push(() => rmSync(folder, { recursive: true, force: true }))
    const example = readFileSync(new URL(`./${proxy.file}`, import.meta.url), 'utf8')
    const text = Object.entries(ports).reduce(
      (all, [of, to]) => all.replaceAll(`127.0.0.1:${of}`, `127.0.0.1:${to}`),
      example,
    )
    const path = join(folder, 'configuration')
    writeFileSync(path, text)
    const [program, ...parameters] = proxy.command(path, folder)
    const child = spawn(program, parameters, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, HOME: folder },
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => (output += bytes.toString()))
    const ended = once(child, 'close')
    closers.push(async () => {
      child.kill('SIGTERM')
      await ended
    })
    await untilListening(ports['8080'] ?? 0, () => (child.exitCode === null ? null : output))
  }

  async function start(options: Partial<PerennialOptions> = {}) {
    const ports = { '8787': await freePort(), '3002': await freePort(), '8080': await freePort() }
    const seen = await startApi(ports['3002'])
    const stopService = await startService(ports['8787'], options)
    await startProxy(ports)
    const service = `http://127.0.0.1:${ports['8787']}`
    const signIn = async (memberId = 'mem_ada'): Promise<string> => {
      const { accessToken } = await emulator.issueTokens({ memberId })
      const headers = { authorization: `Bearer ${accessToken}` }
      const answer = await fetch(`${service}/v1/auth/session`, { method: 'POST', headers })
      return (await answer.json()).accessToken
    }
    return { url: `http://127.0.0.1:${ports['8080']}`, service, seen, signIn, stopService }
  }
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

  it('gets the member in headers, whatever headers of these names the caller sends, and its body whole', async () => {
    const { url, seen, signIn } = await start()
    const token = await signIn()
    const body = 'x'.repeat(100_000)
    const forged = {
      'X-Auth-Request-User': 'mem_eve',
      'x-auth-request-groups': 'owner',
      'X-AUTH-REQUEST-EMAIL': 'e@x',
    }
    const answer = await fetch(`${url}/projects?a=b`, {
      method: 'POST',
      body,
      headers: { ...bearer(token), ...forged },
    })
    expect([answer.status, await answer.text()]).toEqual([200, 'the API'])
    expect(seen).toHaveLength(1)
    expect(seen[0]?.body).toBe(body)
    expect(seen[0]?.headers).toMatchObject({
      'x-auth-request-user': 'mem_ada',
      'x-auth-request-email': 'ada@example.com',
      'x-auth-request-groups': 'user,admin',
    })
  })

  it('can decode roles and addresses of any characters', async () => {
    const { url, seen, signIn } = await start()
    const permissions = ['a,b', 'Größe 1', '100%']
    const { id } = emulator.createMember({ email: 'zoë@example.com', permissions })
    await fetch(`${url}/`, { headers: bearer(await signIn(id)) })
    const headers = seen[0]?.headers
    const groups = String(headers?.['x-auth-request-groups']).split(',').map(decodeURIComponent)
    expect(groups).toEqual(permissions)
    expect(decodeURIComponent(String(headers?.['x-auth-request-email']))).toBe('zoë@example.com')
  })

  it('is not called without a valid token, and the caller gets 401 with a challenge', async () => {
    const { url, service, seen, signIn } = await start()
    const token = await signIn()
    const none = await fetch(`${url}/`)
    expect([none.status, none.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="perennial"'])
    const { accessToken: memberJwt } = await emulator.issueTokens()
    await fetch(`${service}/v1/auth/session`, { method: 'DELETE', headers: bearer(token) })
    for (const bad of ['rubbish', memberJwt, token]) {
      const forged = { ...bearer(bad), 'x-auth-request-user': 'mem_ada' }
      const answer = await fetch(`${url}/`, { headers: forged })
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
        401,
        'Bearer error="invalid_token"',
      ])
    }
    expect(seen).toEqual([])
  })

  it('is not called while the check cannot be made, and nobody is told that the token is not valid', async () => {
    const { url, seen, signIn, stopService } = await start()
    const token = await signIn()
    await stopService()
    closers.splice(closers.indexOf(stopService), 1)
    expect((await fetch(`${url}/`, { headers: bearer(token) })).status).toBe(proxy.away)
    expect(seen).toEqual([])
  })

  it('is not called above the limit of the address, which is that of the caller', async () => {
    const { url, seen, signIn } = await start({ rateLimits: { ipTotalPerMinute: 3 } })
    const token = await signIn()
    for (const status of [200, 200, proxy.limited]) {
      const answer = await fetch(`${url}/`, { headers: bearer(token) })
      expect(answer.status).toBe(status)
      if (status !== 200) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect(seen).toHaveLength(2)
  })

  it('gets requests with bound tokens whose proof is for its own address and method, once a proof', async () => {
    const { url, service, seen } = await start({ dpop: { mode: 'all' } })
    const ada = createProver()
    const { accessToken: memberToken } = await emulator.issueTokens()
    const dpop = ada.prove({ htu: `${service}/v1/auth/session` })
    const signedIn = await fetch(`${service}/v1/auth/session`, {
      method: 'POST',
      headers: { ...bearer(memberToken), dpop },
    })
    const { accessToken } = await signedIn.json()
    const prove = (htm: string, htu: string) => ada.prove({ htm, htu, accessToken })
    const ask = async (proof: string, more: Readonly<Record<string, string>> = {}) => {
      const headers = { authorization: `DPoP ${accessToken}`, dpop: proof, ...more }
      return await fetch(`${url}/projects/%7e1?a=b`, { method: 'PUT', body: 'x', headers })
    }
    const used = prove('PUT', `${url}/projects/~1`)
    expect((await ask(used)).status).toBe(200)
    expect(seen[0]?.headers['x-auth-request-user']).toBe('mem_ada')
    const forVerify = prove('GET', `${service}/v1/auth/verify`)
    const elsewhere = prove('GET', `${url}/elsewhere`)
    const said = { 'x-forwarded-uri': '/elsewhere', 'x-forwarded-method': 'GET' }
    const evil = prove('PUT', 'https://evil.example/projects/~1')
    const saidEvil = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' }
    for (const [proof, more] of [
      [used, {}],
      [prove('GET', `${url}/projects/~1`), {}],
      [prove('PUT', `${url}/projects`), {}],
      [forVerify, {}],
      [elsewhere, said],
      [evil, saidEvil],
      [createProver().prove({ htm: 'PUT', htu: `${url}/projects/~1`, accessToken }), {}],
    ] as const) {
      const answer = await ask(proof, more)
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
        401,
        'DPoP algs="ES256", error="invalid_dpop_proof"',
      ])
    }
    const asBearer = { headers: { ...bearer(accessToken), dpop: prove('GET', `${url}/`) } }
    expect((await fetch(`${url}/`, asBearer)).status).toBe(401)
    expect(seen).toHaveLength(1)
    // The headers that the proxy sets count at this route only, and what the caller says in them nowhere.
    const me = {
      authorization: `DPoP ${accessToken}`,
      dpop: elsewhere,
      ...said,
      'x-forwarded-for': '192.0.2.1',
    }
    expect((await fetch(`${service}/v1/auth/me`, { headers: me })).status).toBe(401)
  })

  it('answers with its own errors as they are', async () => {
    const { url, signIn } = await start()
    const answer = await fetch(`${url}/broken`, { headers: bearer(await signIn()) })
    expect([answer.status, await answer.text()]).toEqual([500, 'the API'])
  })
})
