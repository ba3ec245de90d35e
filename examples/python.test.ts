import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { createPerennial, type Perennial } from '@perennial/auth'
import { jwks, perennialAuth } from '@perennial/auth/fastify'
import { ada, startEmulator, type Emulator } from '@perennial/emulator'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { runExample, type RunningExample } from './run-example.js'

/** Finds a Python with the modules of the example: the one of the system, or the first on the PATH. */
const python = ['/usr/bin/python3', 'python3'].find(
  (program) => spawnSync(program, ['-c', 'import jwt, cryptography']).status === 0,
)
if (python === undefined) {
  const line = 'No test of the Python example: apt-get install -y python3-jwt python3-cryptography'
  if (process.env['CI']) throw new Error(line)
  process.stderr.write(`\n*** ${line} ***\n\n`)
}

describe.skipIf(python === undefined)('the python example', () => {
  const now = () => Math.floor(Date.now() / 1000)
  let emulator: Emulator
  const open: { close(): Promise<unknown> }[] = []
  let example: RunningExample | undefined
  beforeAll(async () => {
    emulator = await startEmulator()
  })
  afterEach(async () => {
    await example?.kill()
    example = undefined
    for (const one of open.splice(0)) await one.close()
    emulator.reset()
  })
  afterAll(() => emulator.close())

  /** Starts a service that issues tokens and whose clock is `secondsAgo` behind. */
  const startService = async (secondsAgo = 0): Promise<{ url: string; app: FastifyInstance }> => {
    const { appId, secretKey, adminUrl } = emulator
    const perennial: Perennial = await createPerennial({
      store: 'memory:',
      memberstack: { appId, secretKey, adminUrl },
      clock: () => now() - secondsAgo,
    })
    const app = Fastify({ forceCloseConnections: true })
    app.register(perennialAuth, { prefix: '/v1/auth', perennial })
    app.get('/.well-known/jwks.json', jwks(perennial))
    open.push(app, perennial)
    return { url: await app.listen({ port: 0, host: '127.0.0.1' }), app }
  }
  const startExample = async (serviceUrl: string, env: Record<string, string> = {}): Promise<string> => {
    const file = fileURLToPath(new URL('./python/server.py', import.meta.url))
    example = await runExample([python ?? '', '-B', file], {
      cwd: '/',
      env: { PORT: '0', PERENNIAL_URL: serviceUrl, MEMBERSTACK_APP_ID: emulator.appId, ...env },
    })
    return example.url
  }
  const signIn = async (serviceUrl: string, issuedSecondsAgo = 0): Promise<string> => {
    const { accessToken } = await emulator.issueTokens({ issuedSecondsAgo })
    const headers = { authorization: `Bearer ${accessToken}` }
    const answer = await fetch(`${serviceUrl}/v1/auth/session`, { method: 'POST', headers })
    const tokens: { accessToken: string } = await answer.json()
    return tokens.accessToken
  }
  const ask = async (url: string, token: string, path = '/projects') => {
    const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } })
    return { status: answer.status, headers: answer.headers, body: await answer.json() }
  }
  const invalid = { status: 401, body: { code: 'AUTH_TOKEN_INVALID' } }

  it('serves a member by a token that it verifies on its own, with one look at the key set', async () => {
    const service = await startService()
    let looks = 0
    service.app.server.on('request', (request: { url?: string }) => {
      if (request.url === '/.well-known/jwks.json') looks++
    })
    const url = await startExample(service.url)
    for (let times = 0; times < 3; times++)
      expect(await ask(url, await signIn(service.url))).toMatchObject({
        status: 200,
        body: { owner: 'ada@example.com', projects: ['Analytical engine'] },
      })
    // An unknown key id causes one more read at most, however often it is presented.
    const other = await startService()
    const forged = await signIn(other.url)
    for (let times = 0; times < 3; times++) expect(await ask(url, forged)).toMatchObject(invalid)
    expect(looks).toBe(1)
  })

  it('refuses what is no access token of this app, in the words of the other examples', async () => {
    const service = await startService()
    const url = await startExample(service.url)
    const token = await signIn(service.url)
    const { accessToken: memberToken } = await emulator.issueTokens()
    for (const bad of ['rubbish', 'a.b.c', memberToken, `${token.slice(0, -4)}AAAA`]) {
      const answer = await ask(url, bad)
      expect(answer, bad).toMatchObject(invalid)
      expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"')
    }
    const none = await fetch(`${url}/projects`)
    expect([none.status, none.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="perennial"'])
    await example?.kill()
    for (const env of [{ MEMBERSTACK_APP_ID: 'app_other' }, { PERENNIAL_ISSUER: 'another' }]) {
      expect(await ask(await startExample(service.url, env), token)).toMatchObject(invalid)
      await example?.kill()
    }
  })

  it('refuses a token after its hour, and a member without the role', async () => {
    const past = await startService(3601)
    const url = await startExample(past.url)
    const expired = await ask(url, await signIn(past.url, 3700))
    expect(expired).toMatchObject({ status: 401, body: { code: 'AUTH_TOKEN_EXPIRED' } })
    await example?.kill()

    const service = await startService()
    emulator.updateMember(ada.email, { permissions: ['user'] })
    const refused = await ask(await startExample(service.url), await signIn(service.url))
    expect(refused).toMatchObject({ status: 403, body: { code: 'AUTH_ROLE_INSUFFICIENT' } })
  })

  it('says that it cannot know while the key set is away, and serves on with the keys that it has', async () => {
    const service = await startService()
    const [before, after] = [await signIn(service.url), await signIn(service.url)]
    const url = await startExample(service.url)
    expect((await ask(url, before)).status).toBe(200)
    await service.app.close()
    expect((await ask(url, after)).status).toBe(200)
    await example?.kill()

    const answer = await ask(await startExample(service.url), after)
    expect(answer).toMatchObject({ status: 503, body: { code: 'AUTH_UNAVAILABLE', retryable: true } })
    expect(answer.headers.get('retry-after')).toBe('5')
  })
})
