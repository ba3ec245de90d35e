import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPerennial, type Perennial } from '@perennial/auth'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runInProcess, type CommandOptions } from '../test/kit/command.js'
import { startLoopbackServer, type LoopbackServer } from '../test/kit/loopback-server.js'
import { makeFolder } from '../test/kit/service-process.js'

let emulator: Emulator
let folder: string
let perennial: Perennial | undefined
let server: LoopbackServer | undefined
let made: ReturnType<typeof makeFolder>

beforeEach(async () => {
  emulator = await startEmulator()
  made = makeFolder()
  folder = made.path
})
afterEach(async () => {
  await perennial?.close()
  perennial = undefined
  await server?.close()
  server = undefined
  await emulator.close()
  made.remove()
})

const environment = (changes: Record<string, string> = {}): Record<string, string> => ({
  STORE_URL: `sqlite:${join(folder, 'store.db')}`,
  MEMBERSTACK_APP_ID: emulator.appId,
  MEMBERSTACK_SECRET_KEY: emulator.secretKey,
  MEMBERSTACK_ADMIN_URL: emulator.adminUrl,
  MEMBERSTACK_WEBHOOK_SECRET: emulator.webhookSecret,
  ...changes,
})

const command = (args: readonly string[], options: Partial<CommandOptions> = {}) =>
  runInProcess(args, { env: environment(), ...options })

const doctor = (changes?: Record<string, string>) => command(['doctor'], { env: environment(changes) })
const inspect = (input: string, changes?: Record<string, string>) =>
  command(['token', 'inspect'], { env: environment(changes), input })

/** Starts an upstream with one answer to every request. */
async function upstream(status: number, headers: Record<string, string>, body = '{}'): Promise<string> {
  server = await startLoopbackServer((_request, response) => response.writeHead(status, headers).end(body))
  return server.url
}

async function open(): Promise<Perennial> {
  const { appId, secretKey, adminUrl } = emulator
  perennial = await createPerennial({
    store: `sqlite:${join(folder, 'store.db')}`,
    memberstack: { appId, secretKey, adminUrl },
  })
  return perennial
}

async function signIn() {
  const { accessToken: memberToken } = await emulator.issueTokens()
  const answer = await (perennial ?? (await open())).handle({
    method: 'POST',
    path: '/session',
    ip: '127.0.0.1',
    requestId: 'r1',
    header: (name) => (name === 'authorization' ? `Bearer ${memberToken}` : undefined),
    readBody: async () => ({ kind: 'bytes', bytes: new Uint8Array() }),
  })
  const body: { accessToken: string; refreshToken: string } = JSON.parse(answer.body ?? '')
  return { memberToken, ...body }
}

describe('perennial doctor', () => {
  it('reports no problem of a working deployment, before and after its first start', async () => {
    const before = await doctor()
    expect([before.code, before.out]).toEqual([0, expect.stringContaining('the first start creates it')])
    await open()
    const after = await doctor()
    expect(after.code, after.out).toBe(0)
    expect(after.out).toContain('store: writable; journal WAL')
    expect(after.out).toContain('admin API: accepts the secret key')
    expect(after.out).toContain('clock: agrees')
    expect(after.out).not.toMatch(/^(warning|error)/m)
    expect(after.out).not.toContain(emulator.secretKey)
  })

  it('names a variable with a bad value', async () => {
    const { code, out } = await doctor({ MEMBERSTACK_WEBHOOK_SECRET: 'whsec_!' })
    expect([code, out]).toEqual([1, expect.stringMatching(/^error .*MEMBERSTACK_WEBHOOK_SECRET .*example/)])
    const cookies = await doctor({ REFRESH_TOKEN_TRANSPORT: 'cookie', CORS_ORIGIN: '*' })
    expect([cookies.code, cookies.out]).toEqual([1, expect.stringContaining('CORS_ORIGIN is *')])
  })

  it('reports that the admin key is refused, the quota used up, or the API down or failing', async () => {
    const wrongKey = await doctor({ MEMBERSTACK_SECRET_KEY: 'sk_wrong' })
    expect([wrongKey.code, wrongKey.out]).toEqual([
      1,
      expect.stringMatching(/error .*refuses MEMBERSTACK_SECRET_KEY/),
    ])
    const cases: [number, number, RegExp][] = [
      [429, 0, /warning .*quota is used up/],
      [500, 1, /error .*server error \(500\)/],
      [302, 1, /error .*answers 302/],
    ]
    for (const [status, code, pattern] of cases) {
      const found = await doctor({ MEMBERSTACK_ADMIN_URL: await upstream(status, {}) })
      expect([found.code, found.out]).toEqual([code, expect.stringMatching(pattern)])
      await server?.close()
    }
    const url = await upstream(200, {})
    await server?.close()
    const away = await doctor({ MEMBERSTACK_ADMIN_URL: url })
    expect([away.code, away.out]).toEqual([1, expect.stringContaining('cannot be reached (ECONNREFUSED)')])
  })

  it("compares the clock with the upstream's", async () => {
    const date = (aheadSeconds: number) => new Date(Date.now() + aheadSeconds * 1000).toUTCString()
    const behind = await doctor({ MEMBERSTACK_ADMIN_URL: await upstream(200, { date: date(60) }) })
    expect([behind.code, behind.out]).toEqual([
      1,
      expect.stringMatching(/error {4}clock: is (59|60) s behind/),
    ])
    await server?.close()
    const ahead = await doctor({ MEMBERSTACK_ADMIN_URL: await upstream(200, { date: date(-60) }) })
    expect([ahead.code, ahead.out]).toEqual([1, expect.stringMatching(/clock: is (59|60) s ahead of/)])
  })

  it('checks the key set of forward mode, and warns about plain http to another machine', async () => {
    const forward = { MEMBERSTACK_REFRESH_URL: emulator.refreshUrl }
    const good = await doctor({ ...forward, MEMBERSTACK_JWKS_URI: emulator.jwksUri })
    expect([good.code, good.out]).toEqual([0, expect.stringMatching(/ok {7}key set: reachable on this/)])
    // It leads to this machine, but is none of its loopback names.
    const elsewhere = emulator.jwksUri.replace('127.0.0.1', '0.0.0.0')
    const plain = await doctor({ ...forward, MEMBERSTACK_JWKS_URI: elsewhere })
    expect([plain.code, plain.out]).toEqual([
      0,
      expect.stringMatching(/warning {2}key set: is read over plain http/),
    ])
    const pinned = await (await fetch(emulator.jwksUri)).text()
    expect((await doctor({ ...forward, MEMBERSTACK_JWKS: pinned })).out).toMatch(
      /ok {7}key set: pinned, with 1/,
    )
    const weak = JSON.stringify({ keys: [{ kty: 'RSA', n: 'AQAB', e: 'AQAB' }] })
    const bad = await doctor({ ...forward, MEMBERSTACK_JWKS_URI: await upstream(200, {}, weak) })
    expect([bad.code, bad.out]).toEqual([1, expect.stringMatching(/error .*without a usable RS256 key/)])
  })

  it('reports problems of the store', async () => {
    writeFileSync(
      join(folder, 'store.db'),
      'this is no database, but long enough to look like one '.repeat(40),
    )
    const corrupt = await doctor()
    expect([corrupt.code, corrupt.out]).toEqual([
      1,
      expect.stringMatching(/error {4}store: .*cannot be used: the file is not a SQLite/),
    ])
    const memory = await doctor({ STORE_URL: 'memory:' })
    expect([memory.code, memory.out]).toEqual([0, expect.stringMatching(/warning {2}store: memory: forgets/)])
  })

  it('reports cookie settings that no browser accepts', async () => {
    const cookie = { REFRESH_TOKEN_TRANSPORT: 'cookie' }
    for (const origin of ['http://app.example.com', 'http://127.0.0.1.evil.example']) {
      const plain = await doctor({ ...cookie, CORS_ORIGIN: origin })
      expect([plain.code, plain.out]).toEqual([1, expect.stringContaining(`pages on ${origin} cannot`)])
    }
    const sites = await doctor({ ...cookie, CORS_ORIGIN: 'https://app.example.com,https://example.org' })
    expect([sites.code, sites.out]).toEqual([0, expect.stringContaining('several sites')])
  })
})

describe('perennial token inspect', () => {
  it('refuses a token as an argument, and does not repeat it', async () => {
    for (const args of [['token', 'inspect', 'canary'], ['token', 'canary'], ['canary']]) {
      const { code, out, errors } = await command(args)
      expect([code, out]).toEqual([2, ''])
      expect(errors).not.toContain('canary')
    }
    expect((await inspect(' \n')).code).toBe(2)
  })

  it('explains a valid access token without showing or using it', async () => {
    const { accessToken } = await signIn()
    const { code, out } = await inspect(`Bearer ${accessToken}\n`)
    expect(code, out).toBe(0)
    expect(out).toContain('Kind: an access token of ours')
    expect(out).toContain('ada@example.com')
    expect(out).toContain('Accepted')
    for (const part of accessToken.split('.')) expect(out).not.toContain(part)
  })

  it('reports why an access token is refused: signature, audience, end of its session', async () => {
    const { accessToken, refreshToken } = await signIn()
    const [head, body, signature = ''] = accessToken.split('.')
    const forged = `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
    expect((await inspect(forged)).out).toContain('Refused: AUTH_TOKEN_INVALID: its signature is wrong')
    const other = await inspect(accessToken, { MEMBERSTACK_APP_ID: 'app_other' })
    expect([other.code, other.out]).toEqual([1, expect.stringContaining('this deployment is app_other')])
    expect((await inspect(refreshToken)).out).toContain('Kind: a refresh token of ours')

    await perennial?.handle({
      method: 'DELETE',
      path: '/session',
      ip: '127.0.0.1',
      requestId: 'r2',
      header: (name) => (name === 'authorization' ? `Bearer ${accessToken}` : undefined),
      readBody: async () => ({ kind: 'bytes', bytes: new Uint8Array() }),
    })
    expect((await inspect(accessToken)).out).toMatch(
      /Refused: AUTH_TOKEN_REVOKED: its session ended .*sign_out/,
    )
    expect((await inspect(refreshToken)).out).toContain(
      'Refused: AUTH_TOKEN_REFRESH_FAILED: its session ended',
    )
  })

  it('explains the use of a member JWT, and the rule by which it has expired', async () => {
    const { accessToken: memberToken } = await emulator.issueTokens({
      issuedSecondsAgo: 4000,
      expiresInSeconds: 9000,
    })
    const { code, out } = await inspect(memberToken)
    expect(code).toBe(1)
    expect(out).toContain('exchange it at POST /v1/auth/session')
    expect(out).toMatch(/AUTH_TOKEN_EXPIRED: it ended \d+ (s|min) ago, one hour after its issue/)
  })

  it('prints no control characters of a token', async () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const hostile = `${part({ alg: 'none' })}.${part({ iss: '\u001b]0;x\u0007', sub: '\u001b[2J', email: 'a\u202eb' })}.x`
    const { code, out } = await inspect(hostile)
    expect(code).toBe(1)
    expect(out).not.toMatch(/[^\x20-\x7e\n]/)
    expect((await inspect('rubbish')).out).toContain('Refused: AUTH_TOKEN_INVALID: it is no token.')
  })
})
