import {
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  sign,
  type JsonWebKeyInput,
  type KeyObject,
} from 'node:crypto'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Perennial } from '../src/http/perennial.js'
import { createForwardPerennial, expectRow, get } from './forward-world.js'
import { startServer, type RunningServer } from './kit/servers.js'
import { mounts, type RunningApp } from './mounts.js'

let emulator: Emulator
let perennial: Perennial
let app: RunningApp
/** Serves the keys that a forged token names. No request may reach it. */
let trap: RunningServer
let trapUrl: string
const visits: string[] = []

beforeAll(async () => {
  emulator = await startEmulator()
  perennial = await createForwardPerennial(emulator)
  const [mount] = mounts
  if (!mount) throw new Error('no mount')
  app = await mount.start(perennial)
  trap = await startServer((request, response) => {
    visits.push(request.url ?? '')
    response.end(JSON.stringify({ keys: [own.jwk] }))
  })
  trapUrl = `${trap.origin}/keys.json`
})
afterAll(async () => {
  await app.close()
  await perennial.close()
  await emulator.close()
  await trap.close()
})
afterEach(() => expect(visits).toEqual([]))

function newKey(modulusLength = 2048) {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength })
  return { privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid: 'own', alg: 'RS256', use: 'sig' } }
}
const own = newKey()

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
type Parts = { readonly header: object; readonly claims: object }

function rs256({ header, claims }: Parts, key: KeyObject = own.privateKey): string {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`
}

/** The real token's parts, for a forger to change. */
async function realParts() {
  const { accessToken } = await emulator.issueTokens()
  const [header = '', claims = ''] = accessToken.split('.')
  const parse = (part: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(part, 'base64url').toString())
  return { accessToken, header: parse(header), claims: parse(claims) }
}

const refused = { status: 401, code: 'AUTH_TOKEN_INVALID' }
const expectForged = async (token: string) => expectRow(await get(`${app.url}/v1/auth/me`, token), refused)

describe('a forged token', () => {
  it('without a signature is refused, under every spelling of "none"', async () => {
    const { header, claims, accessToken } = await realParts()
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '', null]) {
      const input = `${encode({ ...header, alg })}.${encode(claims)}`
      await expectForged(`${input}.`)
      await expectForged(`${input}.${accessToken.split('.')[2] ?? ''}`)
    }
  })

  it('signed with HMAC under the public key is refused', async () => {
    const { header, claims } = await realParts()
    const answer: { keys: (JsonWebKeyInput['key'] & { n: string })[] } = JSON.parse(
      await (await fetch(emulator.jwksUri)).text(),
    )
    const [jwk] = answer.keys
    if (!jwk) throw new Error('no key')
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    const secrets = [
      key.export({ type: 'spki', format: 'pem' }),
      key.export({ type: 'spki', format: 'der' }),
      JSON.stringify(jwk),
      Buffer.from(jwk.n, 'base64url'),
    ]
    for (const secret of secrets) {
      const input = `${encode({ ...header, alg: 'HS256' })}.${encode(claims)}`
      await expectForged(`${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`)
    }
  })

  it('that brings or names its own key is refused, and nothing it names is fetched', async () => {
    const { header, claims } = await realParts()
    for (const more of [
      { jwk: own.jwk },
      { jku: trapUrl },
      { x5u: trapUrl },
      { jku: trapUrl, kid: 'own' },
      { kid: trapUrl },
      { kid: '../../../../dev/null' },
      { kid: '__proto__' },
      { kid: { kty: 'RSA' } },
      { x5c: [own.jwk.n ?? ''] },
      { crit: ['x'], x: trapUrl },
      { crit: [] },
    ])
      await expectForged(rs256({ header: { ...header, ...more }, claims }))
    for (const iss of [trapUrl, `${emulator.issuer}/`, [emulator.issuer], null])
      await expectForged(rs256({ header: { ...header, jku: trapUrl }, claims: { ...claims, iss } }))
  })

  it('of another key, weak or strong, is refused', async () => {
    const { header, claims } = await realParts()
    await expectForged(rs256({ header, claims }))
    await expectForged(rs256({ header, claims }, newKey(1024).privateKey))
  })

  it('that was signed for others, or says too little, is refused', async () => {
    const now = Math.floor(Date.now() / 1000)
    for (const claims of [
      { aud: 'app_other' },
      { iss: 'https://evil.example' },
      { exp: null },
      { iat: null },
      { iat: now + 600 },
      { nbf: now + 600 },
      { exp: 'soon' },
      { id: null },
      { id: 7 },
    ]) {
      const { accessToken } = await emulator.issueTokens({ claims })
      await expectForged(accessToken)
    }
  })

  it('with unknown key ids causes few fetches of the key set, and good tokens still pass', async () => {
    const { header, claims, accessToken } = await realParts()
    expect((await get(`${app.url}/v1/auth/me`, accessToken)).status).toBe(200)
    const before = emulator.calls()['GET /jwks.json'] ?? 0
    await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        get(
          `${app.url}/v1/auth/me`,
          rs256({ header: { ...header, kid: `unknown-${String(index)}` }, claims }),
        ),
      ),
    )
    expect((emulator.calls()['GET /jwks.json'] ?? 0) - before).toBeLessThanOrEqual(3)
    expect((await get(`${app.url}/v1/auth/me`, accessToken)).status).toBe(200)
  })
})
