import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { once } from 'node:events'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freePort, hasRedis, startRedis } from '../../auth/test/kit/redis.js'
import { hasOpenssl, makeCertificates } from '../../auth/test/kit/tls-certificates.js'
import { call, exchange, pairOf, refresh } from './kit/auth-calls.js'
import { makeFolder, startProcess, type ServiceProcess } from './kit/service-process.js'
import { newSecret, settingsFor } from './kit/session-world.js'

/** A night of an operator: the real service meets a fault, and the log alone says the cause. */
interface Night {
  /** Changes of the settings. */
  readonly env?: Readonly<Record<string, string>>
  /** Causes the fault. */
  readonly act?: (url: string) => Promise<unknown>
  /** The line of the log. */
  readonly line: RegExp
}

/** Makes the clock of the process run ahead by this many seconds. */
const withClockAhead = (seconds: number) => ({
  NODE_OPTIONS: `--import "data:text/javascript,const now=Date.now;Date.now=()=>now()+${seconds * 1000}"`,
})

let emulator: Emulator
let folder: ReturnType<typeof makeFolder>
let service: ServiceProcess | undefined
let ends: (() => Promise<unknown>)[]

beforeEach(async () => {
  emulator = await startEmulator({ adminRequestsPerSecond: 1_000_000 })
  folder = makeFolder()
  ends = []
})
afterEach(async () => {
  service?.child.kill('SIGKILL')
  await service?.ended()
  service = undefined
  for (const end of ends) await end()
  await emulator.close()
  folder.remove()
})

const open = (env: Readonly<Record<string, string>> = {}): ServiceProcess => {
  service = startProcess(folder.path, {
    ...settingsFor(emulator, `${folder.path}/perennial.db`),
    PERENNIAL_SECRET: newSecret(),
    LOG_LEVEL: 'info',
    ...env,
  })
  return service
}
const start = async (env?: Readonly<Record<string, string>>) => {
  const opened = open(env)
  const [, url = ''] = await opened.waitFor(/Perennial listens on (http:\S+)/)
  return { url, opened }
}
const memberToken = async () => (await emulator.issueTokens()).accessToken
const signIn = async (url: string) => await exchange(url, await memberToken())

/** Runs one night, and returns the line of the log. */
const spend = async ({ env, act = signIn, line }: Night): Promise<string> => {
  const { url, opened } = await start(env)
  await act(url)
  return (await opened.waitFor(line))[0]
}
const lineWith = (text: string) => new RegExp(`.*${text}.*`)
/** Lets the admin API fail at every question. */
const failAdmin = (fault: Omit<Parameters<Emulator['setFault']>[0], 'route'>) => {
  for (const route of ['GET /members/:idOrEmail', 'POST /members/verify-token'])
    emulator.setFault({ route, times: 1_000, ...fault })
}

describe('the log alone says the cause of', () => {
  it('Redis away at the start, once and without a request', async () => {
    const port = await freePort()
    const env = { STORE_URL: `redis://user:hunter2@127.0.0.1:${port}` }
    const line = await spend({ env, act: async () => {}, line: lineWith('"msg":"upstream_failure"') })
    expect(JSON.parse(line)).toMatchObject({
      level: 'error',
      target: 'store',
      host: `redis://127.0.0.1:${port}/0`,
      cause: 'nothing listens at this address (ECONNREFUSED)',
    })
    const url = /listens on (http:\S+)/.exec(service?.output() ?? '')?.[1] ?? ''
    for (let request = 0; request < 5; request += 1) expect((await signIn(url)).status).toBe(503)
    // No line for each request: one with the cause, and one that each instance counts limits by itself.
    expect(service?.output().match(/"cause":/g)).toHaveLength(1)
    expect(service?.output()).not.toContain('auth_failure')
    expect(service?.output()).not.toContain('hunter2')
  })

  it('a wrong secret, which stops the start', async () => {
    const { url, opened } = await start()
    pairOf(await signIn(url))
    opened.child.kill('SIGTERM')
    expect(await opened.ended()).toBe(0)
    const again = open({ PERENNIAL_SECRET: newSecret() })
    expect(await again.ended()).toBe(1)
    expect(again.output()).toMatch(
      /PERENNIAL_SECRET opens none of the signing keys in the store sqlite:.*: set the secret/,
    )
  })

  it.runIf(hasRedis())('a wrong clock, beside a store with a clock', async () => {
    const redis = await startRedis()
    ends.push(() => redis.remove())
    const env = { STORE_URL: redis.url, ...withClockAhead(-29) }
    const line = await spend({ env, line: lineWith('"msg":"clock_differs"') })
    expect(JSON.parse(line)).toMatchObject({
      level: 'warn',
      host: `${redis.url}/0`,
      aheadSeconds: expect.closeTo(-29, 0),
      error: expect.stringMatching(/clocks of this machine and of the store differ.*NTP/),
    })
    // It does no harm.
    const url = /listens on (http:\S+)/.exec(service?.output() ?? '')?.[1] ?? ''
    expect((await refresh(url, pairOf(await signIn(url)).refreshToken)).status).toBe(200)
  })

  it('a wrong clock, by the answers of Memberstack', async () => {
    const line = await spend({ env: withClockAhead(120), line: lineWith('"msg":"clock_differs"') })
    expect(JSON.parse(line)).toMatchObject({
      level: 'warn',
      host: new URL(emulator.adminUrl).host,
      error: expect.stringMatching(/clocks of this machine and of Memberstack differ/),
    })
  })

  it('a clock that is behind, by a sign-in that it refuses', async () => {
    const line = await spend({ env: withClockAhead(-60), line: lineWith('"reason":"not_yet_valid"') })
    expect(JSON.parse(line)).toMatchObject({
      msg: 'auth_failure',
      hint: 'Check the clock of this machine (NTP): the token is from its future.',
    })
  })

  it('a quota that is used up', async () => {
    const act = async (url: string) => {
      const tokens = await Promise.all(
        Array.from({ length: 12 }, async (_, at) => {
          const { id } = emulator.createMember({ email: `m${at}@example.com`, password: 'perennial-demo' })
          return (await emulator.issueTokens({ memberId: id })).accessToken
        }),
      )
      await Promise.all(tokens.map((token) => exchange(url, token)))
    }
    const env = { MEMBERSTACK_REQUESTS_PER_SECOND: '2' }
    const line = await spend({ env, act, line: lineWith('"msg":"upstream_failure"') })
    expect(JSON.parse(line)).toMatchObject({
      target: 'admin',
      reason: 'quota',
      cause: 'the quota of requests is used up: see MEMBERSTACK_REQUESTS_PER_SECOND',
    })
    expect(service?.output().match(/"msg":"upstream_failure"/g)).toHaveLength(1)
  })

  it('a secret key that Memberstack refuses', async () => {
    const env = { MEMBERSTACK_SECRET_KEY: 'sk_sb_of_another_app' }
    const line = await spend({ env, line: lineWith('"msg":"upstream_failure"') })
    expect(JSON.parse(line)).toMatchObject({
      target: 'admin',
      host: new URL(emulator.adminUrl).host,
      cause: 'it refuses the secret key: check MEMBERSTACK_SECRET_KEY',
    })
    expect(line).not.toContain('sk_sb_of_another_app')
  })

  it('an upstream that is slow', async () => {
    failAdmin({ delayMs: 30_000 })
    const line = await spend({ line: lineWith('"msg":"upstream_failure"') })
    expect(JSON.parse(line)).toMatchObject({ target: 'admin', cause: 'no answer within 5 s' })
    emulator.clearFaults()
  })

  it('an upstream that answers with HTML, and that it is back', async () => {
    failAdmin({ status: 200, body: '<html><h1>Maintenance</h1></html>' })
    const line = await spend({ line: lineWith('"msg":"upstream_failure"') })
    expect(JSON.parse(line)).toMatchObject({ target: 'admin', cause: 'status 200, HTML instead of JSON' })
    const url = /listens on (http:\S+)/.exec(service?.output() ?? '')?.[1] ?? ''
    for (let request = 0; request < 3; request += 1) expect((await signIn(url)).status).toBe(503)
    emulator.clearFaults()
    await expect
      .poll(
        async () => {
          await signIn(url)
          return service?.output() ?? ''
        },
        { timeout: 15_000, interval: 200 },
      )
      .toMatch(/"target":"admin".*"lastedSeconds":\d+.*"msg":"upstream_recovered"/)
    expect(service?.output().match(/"msg":"upstream_failure"/g)).toHaveLength(1)
  })

  it('a wrong webhook secret', async () => {
    const other = `whsec_${Buffer.alloc(24, 7).toString('base64')}`
    const act = async (url: string) => {
      emulator.setWebhookUrl(`${url}/v1/webhooks/memberstack`)
      emulator.createMember({ email: 'new@example.com', password: 'perennial-demo' })
    }
    const line = await spend({
      env: { MEMBERSTACK_WEBHOOK_SECRET: other },
      act,
      line: lineWith('"code":"AUTH_WEBHOOK_INVALID"'),
    })
    expect(JSON.parse(line)).toMatchObject({
      level: 'warn',
      reason: 'signature',
      hint: 'Compare MEMBERSTACK_WEBHOOK_SECRET with the signing secret of the webhook at Memberstack.',
    })
    emulator.setWebhookUrl(null)
  })

  it('an origin that is missing in CORS_ORIGIN', async () => {
    const act = (url: string) =>
      call(url, '/v1/auth/session', { method: 'OPTIONS', headers: { origin: 'https://shop.example.com' } })
    const env = { CORS_ORIGIN: 'https://www.example.com' }
    const line = await spend({ env, act, line: lineWith('"msg":"origin_refused"') })
    expect(JSON.parse(line)).toMatchObject({
      level: 'warn',
      allow: 'CORS_ORIGIN=https://www.example.com,https://shop.example.com',
    })
  })

  it.runIf(hasOpenssl())('a certificate that has expired', async () => {
    const { caFile, certFile, keyFile } = makeExpiredCertificate(folder.path)
    const server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    ends.push(async () => await new Promise((resolve) => server.close(resolve)))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    const env = { MEMBERSTACK_ADMIN_URL: `https://127.0.0.1:${port}`, NODE_EXTRA_CA_CERTS: caFile }
    const line = await spend({ env, line: lineWith('"msg":"upstream_failure"') })
    expect(JSON.parse(line)).toMatchObject({
      target: 'admin',
      host: `127.0.0.1:${port}`,
      cause: 'its certificate has expired (CERT_HAS_EXPIRED)',
    })
  })
})

/** Creates a certificate that ended a day ago, and the authority that issued it. */
function makeExpiredCertificate(path: string) {
  const certificates = makeCertificates(path, ['IP:127.0.0.1'])
  const file = (name: string) => `${path}/${name}`
  const expired = file('expired.pem')
  const args = `x509 -req -in ${file('redis.csr')} -days -1 -extfile ${file('redis.ext')} -CA ${file('ca.pem')} -CAkey ${file('ca.key')} -CAcreateserial -out ${expired}`
  const { status, stderr } = spawnSync('openssl', args.split(' '))
  if (status !== 0) throw new Error(`openssl: ${stderr.toString()}`)
  return { ...certificates, certFile: expired }
}
