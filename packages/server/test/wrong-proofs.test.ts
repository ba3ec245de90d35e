import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createProofClient, type ProofClient } from '../../auth/test/kit/proof-client.js'
import { refuseEveryWrongProof } from '../../auth/test/kit/proof-ways.js'
import { call } from './kit/auth-calls.js'
import { startSessionWorld, type SessionWorld } from './kit/session-world.js'

/** Each of these sends hundreds of requests. */
const timeout = 120_000

/** Starts the service behind a proxy on this machine. */
const start = (settings: Readonly<Record<string, string>>): Promise<SessionWorld> =>
  startSessionWorld(
    {
      TRUST_PROXY: '127.0.0.0/8',
      MAX_SESSIONS_PER_MEMBER: '10000',
      MEMBERSTACK_REQUESTS_PER_SECOND: '1000',
      ...settings,
    },
    { adminRequestsPerSecond: 1e6 },
  )

const issueWith = (world: SessionWorld) => async () => (await world.emulator.issueTokens()).accessToken

/** The headers of a proxy that ends TLS. */
const forwarded = {
  'x-forwarded-for': '192.0.2.1',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'auth.example.com',
}

describe('every wrong proof at a service with DPOP=all and DPOP_REQUIRED=on', () => {
  let world: SessionWorld
  let client: ProofClient
  beforeAll(async () => {
    world = await start({ DPOP: 'all', DPOP_REQUIRED: 'on' })
    client = createProofClient({ server: world.service.url, issueMemberToken: issueWith(world) })
  })
  afterAll(() => world.close())

  it('is refused by its routes', { timeout }, async () => {
    for (const way of [...client.refreshWays(true), ...client.accessWays()])
      await refuseEveryWrongProof(way, { client })
  })

  it('is refused behind a proxy that ends TLS', { timeout }, async () => {
    const seen = 'https://auth.example.com'
    const behind = createProofClient({
      server: world.service.url,
      seen,
      forwarded,
      issueMemberToken: issueWith(world),
    })
    for (const way of [...behind.refreshWays(true), ...behind.accessWays()])
      await refuseEveryWrongProof(way, { client: behind })
  })

  it.each(['GET', 'POST', 'DELETE'])(
    'is refused by GET /v1/auth/verify about a %s to the app',
    { timeout },
    async (method) => {
      const place = {
        asked: { htm: method, htu: 'https://app.example.com/projects' },
        headers: {
          ...forwarded,
          'x-forwarded-host': 'app.example.com',
          'x-forwarded-method': method,
          'x-forwarded-uri': '/projects?page=2',
        },
      }
      await refuseEveryWrongProof(client.accessWay('GET /v1/auth/verify', 204, place), { client })
    },
  )

  it('is refused by GET /v1/auth/verify without saying who the member is', async () => {
    const { accessToken } = await client.signIn()
    const authorization = `DPoP ${accessToken}`
    const dpop = client.prover.prove({ htm: 'POST', htu: `${world.service.url}/v1/auth/verify`, accessToken })
    const { status, headers } = await call(world.service.url, '/v1/auth/verify', {
      headers: { authorization, dpop },
    })
    expect(status).toBe(401)
    expect([...headers.keys()].filter((name) => name.startsWith('x-auth-request'))).toEqual([])
  })
})

describe('every wrong proof at a service with DPOP=refresh', () => {
  it('is refused with a refresh token', { timeout }, async () => {
    const world = await start({ DPOP: 'refresh' })
    onTestFinished(() => world.close())
    const client = createProofClient({ server: world.service.url, issueMemberToken: issueWith(world) })
    for (const way of client.refreshWays(false)) await refuseEveryWrongProof(way, { client })
  })
})
