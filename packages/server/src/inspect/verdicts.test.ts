import { createDecipheriv, createPrivateKey, generateKeyPairSync, hkdfSync, sign } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPerennial, openStore, systemClock, type Perennial } from '@perennial/auth'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { explainToken } from './explain-token.js'

const secret = Buffer.alloc(32, 9).toString('base64')
const otherSecret = Buffer.alloc(32, 8).toString('base64')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwks = JSON.stringify({ keys: [{ ...rsa.publicKey.export({ format: 'jwk' }), kid: 'member-1' }] })

let emulator: Emulator
let folder: string
let service: Perennial
/** In forward mode, with the keys above pinned. */
let forward: Perennial
let pair: { readonly accessToken: string; readonly refreshToken: string }

const storeUrl = () => `sqlite:${join(folder, 'store.db')}`

beforeAll(async () => {
  emulator = await startEmulator()
  folder = mkdtempSync(join(tmpdir(), 'perennial-verdicts-'))
  const { appId, secretKey, adminUrl, issuer, refreshUrl } = emulator
  const memberstack = { appId, secretKey, adminUrl, issuer }
  service = await createPerennial({ store: storeUrl(), secret, memberstack, signInMaxAgeSeconds: 5_000 })
  forward = await createPerennial({ store: 'memory:', memberstack: { ...memberstack, refreshUrl, jwks } })
  pair = await signIn()
}, 30_000)
afterAll(async () => {
  await service.close()
  await forward.close()
  await emulator.close()
  rmSync(folder, { recursive: true, force: true })
})

async function signIn(): Promise<typeof pair> {
  const bearer = (await emulator.issueTokens()).accessToken
  return JSON.parse((await request(service, 'POST', '/session', { bearer })).body ?? '')
}

async function request(
  perennial: Perennial,
  method: string,
  path: string,
  { bearer, body }: { readonly bearer?: string; readonly body?: object },
) {
  const bytes = Buffer.from(body ? JSON.stringify(body) : '')
  return await perennial.handle({
    method,
    path,
    ip: '127.0.0.1',
    requestId: 'r1',
    header: (name) => (name === 'authorization' && bearer ? `Bearer ${bearer}` : undefined),
    readBody: async () => ({ kind: 'bytes', bytes }),
  })
}

/** The code of the service's answer; `accepted` if it has none. */
async function serviceVerdict(...given: Parameters<typeof request>): Promise<string> {
  const { body } = await request(...given)
  return JSON.parse(body ?? '{}').code ?? 'accepted'
}

async function explain(token: string, changes: Record<string, string | undefined> = {}): Promise<string> {
  const { appId, secretKey, adminUrl, issuer } = emulator
  const env = {
    STORE_URL: storeUrl(),
    PERENNIAL_SECRET: secret,
    MEMBERSTACK_APP_ID: appId,
    MEMBERSTACK_SECRET_KEY: secretKey,
    MEMBERSTACK_ADMIN_URL: adminUrl,
    MEMBERSTACK_ISSUER: issuer,
    SIGN_IN_MAX_AGE_SECONDS: '5000',
    ...changes,
  }
  const readTextFile = (path: string) => readFileSync(path, 'utf8')
  return (await explainToken(token, { env, readTextFile })).lines.join('\n')
}

/** The code of the first refusal; `accepted` only if every check was made. */
function verdictOf(text: string): string {
  const code = /^Refused: (AUTH_\w+)/m.exec(text)?.[1]
  return code ?? (/^Accepted/m.test(text) ? 'accepted' : 'open')
}

const forwardEnv = () => ({
  SIGN_IN_MAX_AGE_SECONDS: undefined,
  STORE_URL: 'memory:',
  MEMBERSTACK_REFRESH_URL: emulator.refreshUrl,
  MEMBERSTACK_JWKS: jwks,
})

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const decode = (token: string, index: number): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[index] ?? '', 'base64url').toString('utf8'))

/** Opens the service's own signing key, as whoever has `PERENNIAL_SECRET` can. */
async function ownKey() {
  const store = await openStore(storeUrl(), { clock: systemClock })
  const [stored] = await store.signingKeys.list()
  await store.close()
  if (!stored) throw new Error('no signing key')
  const bytes = Buffer.from(stored.sealedPrivateKey, 'base64url')
  const key = Buffer.from(
    hkdfSync('sha256', Buffer.from(secret, 'base64'), emulator.appId, 'perennial signing-keys', 32),
  )
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(4, 16))
  decipher.setAAD(Buffer.from(stored.kid)).setAuthTag(bytes.subarray(-16))
  return createPrivateKey(Buffer.concat([decipher.update(bytes.subarray(16, -16)), decipher.final()]))
}

type Change = readonly [name: string, header: object, claims: object | string]
const now = () => Math.floor(systemClock())

/** Tokens that are rightly signed, whatever else is wrong with them. */
const changes = (): readonly Change[] => [
  ['nothing', {}, {}],
  ['nbf in the future', {}, { nbf: now() + 600 }],
  ['nbf that is no number', {}, { nbf: '1' }],
  ['iat in the future', {}, { iat: now() + 600 }],
  ['iat within the tolerance', {}, { iat: now() + 2 }],
  ['no iat', {}, { iat: undefined }],
  ['no exp', {}, { exp: undefined }],
  ['exp that is no number', {}, { exp: 'soon' }],
  ['iat over an hour ago', {}, { iat: now() - 3700 }],
  ['exp in the past', {}, { exp: now() - 9, iat: now() - 90 }],
  ['several audiences', {}, { aud: ['other', emulator.appId] }],
  ['another audience', {}, { aud: 'app_other' }],
  ['no audience', {}, { aud: undefined }],
  ['another issuer', {}, { iss: 'https://evil.example' }],
  ['a list of issuers', {}, { iss: ['perennial'] }],
  ['no member', {}, { sub: undefined, id: undefined }],
  ['an empty member', {}, { sub: '', id: '' }],
  ['a member id with a foreign character', {}, { id: 'mem_a/b' }],
  ['a member id of 129 characters', {}, { id: `mem_${'a'.repeat(129)}` }],
  ['no session', {}, { sid: undefined }],
  ['an empty session', {}, { sid: '' }],
  ['generation 0', {}, { gen: 0 }],
  ['a generation that is no integer', {}, { gen: 1.5 }],
  ['an unknown session', {}, { sid: 'AAAAAAAAAAAAAAAAAAAAAA' }],
  ['crit', { crit: ['x'] }, {}],
  ['b64', { b64: true }, {}],
  ['an embedded key', { jwk: { kty: 'EC' } }, {}],
  ['the address of a key set', { jku: 'https://evil.example' }, {}],
  ['another algorithm', { alg: 'HS256' }, {}],
  ['no algorithm', { alg: 'none' }, {}],
  ['no type', { typ: undefined }, {}],
  ['its type in full', { typ: 'application/at+jwt' }, {}],
  ['another type', { typ: 'logout+jwt' }, {}],
  ['an unknown kid', { kid: 'another' }, {}],
  ['no kid', { kid: undefined }, {}],
  ['a kid that is no string', { kid: 7 }, {}],
  ['a kid of 257 characters', { kid: 'k'.repeat(257) }, {}],
  ['claims that are a list', {}, '[1]'],
  ['claims that are not JSON', {}, 'x'],
  ['an exp that is infinite', {}, 'infinite'],
]

function tokenOf(
  { header, claims }: { readonly header: object; readonly claims: object },
  [, headerChange, claimsChange]: Change,
  signer: (input: Buffer) => Buffer,
): string {
  const whole = JSON.stringify({ ...claims, ...(typeof claimsChange === 'object' ? claimsChange : {}) })
  const infinite = whole.replace(/"exp":\d+/, '"exp":1e999')
  const body =
    claimsChange === 'infinite' ? infinite : typeof claimsChange === 'string' ? claimsChange : whole
  const input = `${encode({ ...header, ...headerChange })}.${encode(body)}`
  return `${input}.${signer(Buffer.from(input)).toString('base64url')}`
}

/** The same tokens with their spelling changed, and with another signature. */
const spellings: readonly (readonly [string, (token: string) => string])[] = [
  ['padding', (token) => `${token}==`],
  ['a stray bit', (token) => `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`],
  ['no signature', (token) => token.replace(/[^.]*$/, '')],
  ['a signature cut short', (token) => token.slice(0, -20)],
  ['a fourth part', (token) => `${token}.x`],
  ['a header that is not UTF-8', (token) => token.replace(/^[^.]*/, 'eyJhIjoi_yJ9')],
  ['a header that is a list', (token) => token.replace(/^[^.]*/, encode('[]'))],
]

describe('token inspect and the service', () => {
  it('give an access token of session mode the same verdict', async () => {
    const key = await ownKey()
    const parts = { header: decode(pair.accessToken, 0), claims: decode(pair.accessToken, 1) }
    const signer = (input: Buffer) => sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' })
    const tokens = changes().map((change) => [change[0], tokenOf(parts, change, signer)] as const)
    const respelled = spellings.map(([name, change]) => [name, change(pair.accessToken)] as const)
    const seen = new Set<string>()
    for (const [name, token] of [...tokens, ...respelled]) {
      const verdict = await serviceVerdict(service, 'GET', '/me', { bearer: token })
      seen.add(verdict)
      const text = await explain(token)
      expect([name, verdictOf(text)], text).toEqual([name, verdict])
    }
    expect([...seen].sort()).toEqual(['AUTH_TOKEN_EXPIRED', 'AUTH_TOKEN_INVALID', 'accepted'])
  })

  it('give a member JWT of forward mode the same verdict', async () => {
    const claims = { iss: emulator.issuer, aud: emulator.appId, id: 'mem_ada', type: 'member' }
    const times = { iat: now(), exp: now() + 900 }
    const parts = { header: { alg: 'RS256', kid: 'member-1' }, claims: { ...claims, ...times } }
    const signer = (input: Buffer) => sign('sha256', input, rsa.privateKey)
    const tokens = changes().map((change) => [change[0], tokenOf(parts, change, signer)] as const)
    const good = tokenOf(parts, ['', {}, {}], signer)
    const respelled = spellings.map(([name, change]) => [name, change(good)] as const)
    const seen = new Set<string>()
    for (const [name, token] of [...tokens, ...respelled, ['of session mode', pair.accessToken] as const]) {
      const verdict = await serviceVerdict(forward, 'GET', '/me', { bearer: token })
      seen.add(verdict)
      const text = await explain(token, forwardEnv())
      // A member whom the admin API does not know is no matter of the token.
      const expected = verdict === 'AUTH_USER_CONTEXT_INVALID' ? 'accepted' : verdict
      expect([name, verdictOf(text)], text).toEqual([name, expected])
    }
    expect(seen).toContain('accepted')
  })

  it('give a member JWT the same verdict at the exchange', async () => {
    const cases: readonly (readonly [string, Parameters<Emulator['issueTokens']>[0]])[] = [
      ['nothing', {}],
      ['age within the limit', { issuedSecondsAgo: 4_000, expiresInSeconds: 9_000 }],
      ['age over the limit', { issuedSecondsAgo: 6_000, expiresInSeconds: 9_000 }],
      ['exp in the past', { expiresInSeconds: -9 }],
      ['nbf in the future', { claims: { nbf: now() + 600 } }],
      ['nbf that is no number', { claims: { nbf: '1' } }],
      ['nbf in the past', { claims: { nbf: now() - 5 } }],
      ['iat in the future', { claims: { iat: now() + 600 } }],
      ['iat in milliseconds', { claims: { iat: Date.now() } }],
      ['no exp', { claims: { exp: null } }],
      ['another audience', { claims: { aud: 'app_other' } }],
      ['several audiences', { claims: { aud: [emulator.appId] } }],
      ['no type', { claims: { type: null } }],
      ['no member', { claims: { id: 'x' } }],
    ]
    for (const [name, wish] of cases) {
      const { accessToken } = await emulator.issueTokens(wish)
      const verdict = await serviceVerdict(service, 'POST', '/session', { bearer: accessToken })
      const text = await explain(accessToken)
      const refusal = /^At the exchange: refused, (AUTH_\w+)/m.exec(text)?.[1]
      const accepted = /^At the exchange: its content is no reason to refuse it/m.test(text)
      expect([name, refusal ?? (accepted ? 'accepted' : 'silent')], text).toEqual([name, verdict])
      expect(verdictOf(text)).toBe('AUTH_TOKEN_INVALID')
      expect(await serviceVerdict(service, 'GET', '/me', { bearer: accessToken })).toBe('AUTH_TOKEN_INVALID')
    }
  })

  it('refuse a planted signing key, whose sealed part no secret opens', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const kid = 'planted'
    const store = await openStore(storeUrl(), { clock: systemClock })
    const [newest] = await store.signingKeys.list()
    const publicJwk = JSON.stringify({ ...publicKey.export({ format: 'jwk' }), kid })
    const sealedPrivateKey = newest?.sealedPrivateKey ?? ''
    const planted = { kid, publicJwk, sealedPrivateKey, createdAt: now() }
    expect(await store.signingKeys.add(planted, newest?.kid ?? null)).toBe(true)
    const parts = { header: decode(pair.accessToken, 0), claims: decode(pair.accessToken, 1) }
    const signer = (input: Buffer) => sign('sha256', input, { key: privateKey, dsaEncoding: 'ieee-p1363' })
    const token = tokenOf(parts, ['', { kid }, {}], signer)
    try {
      expect(await serviceVerdict(service, 'GET', '/me', { bearer: token })).toBe('AUTH_TOKEN_INVALID')
      const text = await explain(token)
      expect(verdictOf(text), text).toBe('AUTH_TOKEN_INVALID')
      expect(text).toContain('none of our keys has its kid')
    } finally {
      await store.signingKeys.remove(kid)
      await store.close()
    }
  })

  it('refuse a token of an ended session, and tokens of another secret', async () => {
    const ended = await signIn()
    const alive = await signIn()
    expect(verdictOf(await explain(ended.accessToken))).toBe('accepted')
    await request(service, 'DELETE', '/session', { bearer: ended.accessToken })
    const verdict = await serviceVerdict(service, 'GET', '/me', { bearer: ended.accessToken })
    expect([verdict, verdictOf(await explain(ended.accessToken))]).toEqual([
      'AUTH_TOKEN_REVOKED',
      'AUTH_TOKEN_REVOKED',
    ])
    const body = { refreshToken: ended.refreshToken }
    const refresh = await serviceVerdict(service, 'POST', '/refresh-token', { body })
    expect(verdictOf(await explain(ended.refreshToken))).toBe(refresh)

    const PERENNIAL_SECRET = otherSecret
    expect(verdictOf(await explain(alive.accessToken, { PERENNIAL_SECRET }))).toBe('AUTH_TOKEN_INVALID')
    expect(verdictOf(await explain(alive.refreshToken, { PERENNIAL_SECRET }))).toBe(
      'AUTH_TOKEN_REFRESH_FAILED',
    )
    const both = { PERENNIAL_SECRET: `${otherSecret},${secret}` }
    expect(verdictOf(await explain(alive.accessToken, both))).toBe('accepted')
    expect(verdictOf(await explain(alive.refreshToken, both))).toBe('accepted')
  })

  it('refuse a token that was issued before the roles of its member changed', async () => {
    const { accessToken: bearer } = await emulator.issueTokens({ memberId: 'mem_bob' })
    const signedIn = async (): Promise<typeof pair> =>
      JSON.parse((await request(service, 'POST', '/session', { bearer })).body ?? '')
    const { accessToken, refreshToken } = await signedIn()
    expect(verdictOf(await explain(accessToken))).toBe('accepted')
    const store = await openStore(storeUrl(), { clock: systemClock })
    // The entry that a webhook leaves for every instance.
    const changedAt = Math.round((systemClock() + 0.01) * 1000)
    await store.sessions.restoreEnded([{ id: `mem_bob@${changedAt}`, endedAt: now() }])
    await store.close()
    const verdict = () => serviceVerdict(service, 'GET', '/me', { bearer: accessToken })
    await expect.poll(verdict, { timeout: 10_000 }).toBe('AUTH_TOKEN_EXPIRED')
    const text = await explain(accessToken)
    expect(verdictOf(text), text).toBe('AUTH_TOKEN_EXPIRED')
    expect(text).toContain('the roles or plans of its member changed')
    expect(verdictOf(await explain(pair.accessToken))).toBe('accepted')
    const renewed = await request(service, 'POST', '/refresh-token', { body: { refreshToken } })
    expect(verdictOf(await explain(JSON.parse(renewed.body ?? '').accessToken))).toBe('accepted')
  })
})
