import { generateKeyPairSync, sign } from 'node:crypto'
import type { RequestListener } from 'node:http'

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { startServer } from '../../test/kit/servers.js'
import { silentTelemetry } from '../telemetry/events.js'
import { createHttpClient } from '../base/create-http-client.js'
import { createRemoteKeySet } from './remote-key-set.js'
import { memberIssuer } from './token-rules.js'
import type { TokenVerifier } from './verified-token-cache.js'
import { createTokenVerifier } from './verify.js'

const issuer = 'https://api.memberstack.com'
const iat = 1_700_000_000
const trusted = generateKeyPairSync('rsa', { modulusLength: 2048 })
const evil = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwkOf = (pair: typeof trusted, kid: string) => ({ ...pair.publicKey.export({ format: 'jwk' }), kid })

const tokenBy = (pair: typeof trusted, header: object, claims: object = {}) => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const all = { iss: issuer, aud: 'app_test', id: 'mem_ada', iat, exp: iat + 1_000_000, ...claims }
  const input = `${part({ alg: 'RS256', ...header })}.${part(all)}`
  return `${input}.${sign('sha256', Buffer.from(input), pair.privateKey).toString('base64url')}`
}

let now = iat
let keys: object[]
let readings = 0
let trapped = 0
const closers: (() => Promise<unknown>)[] = []
const start = async (listener: RequestListener) => {
  const running = await startServer(listener)
  closers.push(running.close)
  return running
}

let keySetUrl: string
let trapUrl: string
const httpClient = createHttpClient()
let verifier: TokenVerifier

beforeAll(async () => {
  keySetUrl = (
    await start((_request, response) => {
      readings += 1
      response.end(JSON.stringify({ keys }))
    })
  ).origin
  const trap = await start((_request, response) => {
    response.end(JSON.stringify({ keys: [jwkOf(evil, 'evil')] }))
  })
  trap.server.on('connection', () => {
    trapped += 1
  })
  trapUrl = trap.origin
})
afterAll(async () => {
  await httpClient.close()
  await Promise.all(closers.map((close) => close()))
})
beforeEach(() => {
  now = iat
  readings = 0
  keys = [jwkOf(trusted, 'good')]
  const keySet = createRemoteKeySet({
    url: `${keySetUrl}/jwks`,
    algorithms: ['RS256'],
    httpClient,
    clock: () => now,
    telemetry: silentTelemetry,
  })
  verifier = createTokenVerifier({
    clock: () => now,
    issuers: [memberIssuer({ issuer, audience: 'app_test', keySet })],
  })
})
const verify = async (token: string) => verifier.verify(token)

describe('a verifier with a remote key set', () => {
  it('never fetches anything that a token names', async () => {
    const forged = [
      tokenBy(evil, { kid: 'evil', jku: `${trapUrl}/jwks` }),
      tokenBy(evil, { kid: 'evil', x5u: `${trapUrl}/cert.pem` }),
      tokenBy(evil, { jwk: jwkOf(evil, 'evil'), jku: `${trapUrl}/jwks` }),
      tokenBy(evil, { kid: `${trapUrl}/jwks` }),
      tokenBy(evil, { kid: `@${new URL(trapUrl).host}/jwks` }),
      tokenBy(evil, { kid: '../jwks', iss: trapUrl }),
      tokenBy(evil, { kid: 'evil' }, { iss: trapUrl }),
      tokenBy(evil, { kid: 'good' }, { jwks_uri: `${trapUrl}/jwks` }),
    ]
    for (const token of forged) {
      await expect(verify(token)).rejects.toMatchObject({ code: 'AUTH_TOKEN_INVALID' })
    }
    await expect(verify(tokenBy(trusted, { kid: 'good' }))).resolves.toMatchObject({ memberId: 'mem_ada' })
    expect(trapped).toBe(0)
  })

  it('refuses 300 tokens of unknown kids with at most five readings', async () => {
    for (let n = 0; n < 300; n += 1) {
      const token = tokenBy(evil, { kid: `unknown-${n}` })
      await expect(verify(token)).rejects.toMatchObject({ code: 'AUTH_TOKEN_INVALID', reason: 'key' })
    }
    expect(readings).toBeLessThanOrEqual(5)
  })

  it('accepts tokens of a key that was added later', async () => {
    await verify(tokenBy(trusted, { kid: 'good' }))
    const added = generateKeyPairSync('rsa', { modulusLength: 2048 })
    keys = [jwkOf(trusted, 'good'), jwkOf(added, 'added')]
    await expect(verify(tokenBy(added, { kid: 'added' }))).resolves.toMatchObject({ kid: 'added' })
  })

  it('refuses a verified token once its key is gone from the set', async () => {
    const token = tokenBy(trusted, { kid: 'good' })
    await verify(token)
    keys = [jwkOf(evil, 'other')]
    now += 600
    // This use starts the reading in the background; the one after it is held to what it brought.
    expect(verifier.verify(token)).toMatchObject({ memberId: 'mem_ada' })
    await expect(
      (async () => {
        for (;;) {
          await verify(token)
          await new Promise((resolve) => setImmediate(resolve))
        }
      })(),
    ).rejects.toMatchObject({ code: 'AUTH_TOKEN_INVALID', reason: 'key' })
  })

  it('ignores a weak key in the set', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const small = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 })
    keys = [jwkOf(weak, 'weak'), jwkOf(small, 'small'), jwkOf(trusted, 'good')]
    for (const token of [tokenBy(weak, { kid: 'weak' }), tokenBy(small, { kid: 'small' })]) {
      await expect(verify(token)).rejects.toMatchObject({ code: 'AUTH_TOKEN_INVALID', reason: 'key' })
    }
    await expect(verify(tokenBy(trusted, { kid: 'good' }))).resolves.toBeDefined()
  })
})
