import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPerennial, openStore, type Perennial, systemClock } from '@perennial/auth'
import { type Emulator, startEmulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { explainToken, readPipedToken } from './explain-token.js'

let emulator: Emulator
let folder: string
let perennial: Perennial | undefined

beforeEach(async () => {
  emulator = await startEmulator()
  folder = mkdtempSync(join(tmpdir(), 'perennial-inspect-'))
})
afterEach(async () => {
  await perennial?.close()
  perennial = undefined
  await emulator.close()
  rmSync(folder, { recursive: true, force: true })
})

const storeUrl = () => `sqlite:${join(folder, 'store.db')}`

async function explain(token: string, changes: Record<string, string | undefined> = {}) {
  const { appId, secretKey, adminUrl } = emulator
  const env = {
    STORE_URL: storeUrl(),
    MEMBERSTACK_APP_ID: appId,
    MEMBERSTACK_SECRET_KEY: secretKey,
    MEMBERSTACK_ADMIN_URL: adminUrl,
    REFRESH_GRACE_SECONDS: '0',
    ...changes,
  }
  const readTextFile = (path: string) => readFileSync(path, 'utf8')
  const { lines, isGood } = await explainToken(token, { env, readTextFile })
  const text = lines.join('\n')
  expect(text).not.toContain(token)
  return { isGood, text }
}

interface Pair {
  readonly accessToken: string
  readonly refreshToken: string
}

async function ask(path: string, given: { readonly bearer?: string; readonly body?: object }): Promise<Pair> {
  const { appId, secretKey, adminUrl } = emulator
  perennial ??= await createPerennial({
    store: storeUrl(),
    memberstack: { appId, secretKey, adminUrl },
    refreshGraceSeconds: 0,
  })
  const bytes = Buffer.from(given.body ? JSON.stringify(given.body) : '')
  const headers: Record<string, string> = given.bearer ? { authorization: `Bearer ${given.bearer}` } : {}
  const answer = await perennial.handle({
    method: 'POST',
    path,
    ip: '127.0.0.1',
    requestId: 'r1',
    header: (name) => headers[name],
    readBody: async () => ({ kind: 'bytes', bytes }),
  })
  return JSON.parse(answer.body ?? '')
}

async function signIn(): Promise<Pair> {
  return await ask('/session', { bearer: (await emulator.issueTokens()).accessToken })
}

const rotate = (refreshToken: string) => ask('/refresh-token', { body: { refreshToken } })

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
const headerOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString('utf8'))

describe('a refresh token, explained', () => {
  it('is told who it belongs to, how old its session is, and that it is the newest', async () => {
    const { refreshToken } = await signIn()
    const { isGood, text } = await explain(refreshToken)
    expect(isGood, text).toBe(true)
    for (const part of ['Member: mem_ada', 'Signed in: 2', 'Ends: 2', 'Generation: 1; the newest is 1'])
      expect(text).toContain(part)
  })

  it('that was rotated out is good until its successor was used, and theft after that; asking ends nothing', async () => {
    const first = await signIn()
    const second = await rotate(first.refreshToken)
    const retired = await explain(first.refreshToken)
    expect([retired.isGood, retired.text]).toEqual([true, expect.stringContaining('it was rotated out')])
    const third = await rotate(second.refreshToken)
    const stolen = await explain(first.refreshToken)
    expect([stolen.isGood, stolen.text]).toEqual([false, expect.stringContaining('counts as stolen')])
    expect(await rotate(third.refreshToken)).toHaveProperty('refreshToken')
  })

  it('of another secret, changed or of another store is refused for that', async () => {
    const { refreshToken } = await signIn()
    const other = await explain(refreshToken, { PERENNIAL_SECRET: Buffer.alloc(32, 7).toString('base64') })
    expect([other.isGood, other.text]).toEqual([false, expect.stringContaining('PERENNIAL_SECRET')])
    const changed = await explain(`${refreshToken.slice(0, -3)}AAA`)
    expect([changed.isGood, changed.text]).toEqual([false, expect.stringContaining('changed on the way')])
    const PERENNIAL_SECRET = readFileSync(join(folder, 'store.db.secret'), 'utf8').trim()
    const elsewhere = `sqlite:${join(folder, 'other.db')}`
    await (await openStore(elsewhere, { clock: systemClock })).close()
    const unknown = await explain(refreshToken, { STORE_URL: elsewhere, PERENNIAL_SECRET })
    expect([unknown.isGood, unknown.text]).toEqual([false, expect.stringContaining('unknown to the store')])
  })

  it('is no business of a deployment in forward mode', async () => {
    const { refreshToken } = await signIn()
    const forward = { MEMBERSTACK_REFRESH_URL: emulator.refreshUrl, MEMBERSTACK_JWKS_URI: emulator.jwksUri }
    for (const token of [refreshToken, 'opaque-token-of-theirs'])
      expect((await explain(token, forward)).text).toMatch(/that API alone can explain it/)
  })
})

describe('a JWT, explained', () => {
  it('that was forged is refused by every trick there is', async () => {
    const { accessToken } = await signIn()
    const [head = '', body = '', signature = ''] = accessToken.split('.')
    const header = headerOf(accessToken)
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const own = `${part({ ...header, jwk: publicKey.export({ format: 'jwk' }) })}.${body}`
    const ownSignature = sign('sha256', Buffer.from(own), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    const hmac = `${part({ ...header, alg: 'HS256' })}.${body}`
    const cases: [string, RegExp][] = [
      [`${part({ ...header, alg: 'none' })}.${body}.`, /its algorithm is none, not ES256/],
      [`${hmac}.${createHmac('sha256', 'x').update(hmac).digest('base64url')}`, /is HS256, not ES256/],
      [`${part({ ...header, kid: 'another' })}.${body}.${signature}`, /none of our keys has its kid/],
      [`${own}.${ownSignature.toString('base64url')}`, /its header has jwk, which is never accepted/],
      [`${part({ ...header, crit: ['x'] })}.${body}.${signature}`, /its header has crit/],
      [`${head}.${body}.${signature}==`, /not a JWT in its canonical form: there is padding/],
      [
        `${head}.${part({ ...claimsOf(accessToken), sid: undefined })}.${signature}`,
        /its claims sid, gen are missing or not valid/,
      ],
      [
        `${head}.${part({ ...claimsOf(accessToken), nbf: '1' })}.${signature}`,
        /its claims iat, exp, nbf are missing or not valid/,
      ],
    ]
    for (const [token, pattern] of cases) {
      const { isGood, text } = await explain(token)
      expect([isGood, text]).toEqual([false, expect.stringMatching(pattern)])
    }
  })

  it('of a member is told what the exchange would say', async () => {
    const at = async (request: object, changes: Record<string, string> = {}) =>
      (await explain((await emulator.issueTokens(request)).accessToken, changes)).text
    expect(await at({ issuedSecondsAgo: 4000 })).toContain(
      'At the exchange: its content is no reason to refuse it',
    )
    const old = { SIGN_IN_MAX_AGE_SECONDS: '300' }
    expect(await at({ issuedSecondsAgo: 4000 }, old)).toMatch(
      /exchange: refused.*SIGN_IN_MAX_AGE_SECONDS is 300/,
    )
    expect(await at({ expiresInSeconds: -9 })).toMatch(
      /exchange: refused, AUTH_TOKEN_EXPIRED: it ended .* ago\. Sign in again/,
    )
    expect(await at({ claims: { aud: 'app_x' } })).toMatch(
      /exchange: refused, AUTH_TOKEN_INVALID: .*another app/,
    )
    expect(await at({ expiresInSeconds: -9 })).not.toContain('Refresh it')
  })

  it('of a member is verified in forward mode where the keys are pinned, and open where they are not', async () => {
    const { accessToken } = await emulator.issueTokens()
    const forward = { MEMBERSTACK_REFRESH_URL: emulator.refreshUrl, STORE_URL: 'memory:' }
    const MEMBERSTACK_JWKS = await (await fetch(emulator.jwksUri)).text()
    const pinned = await explain(accessToken, { ...forward, MEMBERSTACK_JWKS })
    expect([pinned.isGood, pinned.text]).toEqual([true, expect.stringContaining('Accepted')])
    const [head, , signature] = accessToken.split('.')
    const forged = `${head}.${part({ ...claimsOf(accessToken), id: 'mem_eve' })}.${signature}`
    const found = await explain(forged, { ...forward, MEMBERSTACK_JWKS })
    expect([found.isGood, found.text]).toEqual([false, expect.stringContaining('its signature is wrong')])
    const open = await explain(accessToken, { ...forward, MEMBERSTACK_JWKS_URI: emulator.jwksUri })
    expect([open.isGood, open.text]).toEqual([
      false,
      expect.stringMatching(/^Not checked: the signature.*\nOpen/m),
    ])
  })

  it('is not called accepted where signature and session could not be looked up, and no store is made', async () => {
    const { accessToken, refreshToken } = await signIn()
    const empty = join(folder, 'empty.db')
    writeFileSync(empty, '')
    for (const STORE_URL of ['memory:', `sqlite:${folder}/nowhere/x.db`, `sqlite:${empty}`])
      for (const token of [accessToken, refreshToken]) {
        const { isGood, text } = await explain(token, { STORE_URL })
        expect([isGood, text]).toEqual([false, expect.stringMatching(/^Not checked: .*\nOpen: /m)])
      }
    expect([existsSync(join(folder, 'nowhere')), statSync(empty).size]).toEqual([false, 0])
  })
})

describe('what is no token', () => {
  it('is told what is wrong with it', async () => {
    const cases: [string, RegExp][] = [
      ['two words', /AUTH_TOKEN_MISSING: it has white space/],
      ['"quoted"', /it is no token\. Leave out the quotes/],
      ['x'.repeat(4097), /AUTH_TOKEN_MISSING: it has more than 4096/],
    ]
    for (const [text, pattern] of cases)
      expect(await explain(text)).toEqual({ isGood: false, text: expect.stringMatching(pattern) })
  })
})

describe('readPipedToken', () => {
  const read = (...chunks: readonly string[]) =>
    readPipedToken(
      (async function* () {
        for (const chunk of chunks) yield Buffer.from(chunk)
      })(),
    )

  it('takes the token out of what is around it', async () => {
    for (const text of ['abc', ' abc\r\n', 'Bearer abc', 'bearer\tabc\n', 'Authorization: Bearer abc\n'])
      expect(await read(text)).toBe('abc')
    expect(await read('a', 'b', 'c\n')).toBe('abc')
    for (const nothing of ['', ' \n', 'Bearer ', 'Bearer']) expect(await read(nothing)).toBeNull()
  })

  it('reads a token that PowerShell has saved in UTF-16, or with a byte order mark', async () => {
    const read = (bytes: Buffer) =>
      readPipedToken(
        (async function* () {
          yield bytes
        })(),
      )
    expect(await read(Buffer.from('\uFEFFabc-_.1\r\n'))).toBe('abc-_.1')
    for (const mark of ['\uFEFF', '']) {
      expect(await read(Buffer.from(`${mark}abc-_.1\r\n`, 'utf16le'))).toBe('abc-_.1')
      expect(await read(Buffer.from(`${mark}abc-_.1\r\n`, 'utf16le').swap16())).toBe('abc-_.1')
    }
  })

  it('reads the beginning of what never ends, in whatever pieces it comes', async () => {
    const endless = async function* (size: number) {
      for (;;) yield Buffer.alloc(size, 'x')
    }
    for (const size of [1000, 65_536, 1_000_000])
      expect((await readPipedToken(endless(size)))?.length).toBe(65_536)
  })
})
