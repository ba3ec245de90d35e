import { getRequestListener } from '@hono/node-server'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { describe, expect, it, onTestFinished } from 'vitest'
import * as forExpress from '../src/adapters/express.js'
import * as forFastify from '../src/adapters/fastify.js'
import * as forFetch from '../src/adapters/fetch.js'
import { createVerifier, type Verifier } from '../src/http/index.js'
import { mounts } from './mounts.js'
import { createMemberstackApp, type MemberstackAppOptions } from './kit/memberstack-app.js'
import { callWithProofs, createProofClient } from './kit/proof-client.js'
import { refuseEveryWrongProof } from './kit/proof-ways.js'
import { createRecorder } from './kit/recorder.js'
import { listen } from './kit/servers.js'
import { wrongProofs } from './kit/wrong-proofs.js'

/** Each of these sends hundreds of requests. */
const timeout = 120_000

const unlimited = { ipPerMinute: 1e6, ipTotalPerMinute: 1e6, sessionPerMinute: 1e6 }

/** An app on one mount, and a client of it. */
async function setUp(mount: (typeof mounts)[number], dpop: MemberstackAppOptions['dpop']) {
  const app = await createMemberstackApp({
    dpop,
    refreshGraceSeconds: 0,
    rateLimits: unlimited,
    maxSessionsPerMember: 10_000,
    emulator: { adminRequestsPerSecond: 1e6 },
    memberstack: { requestsPerSecond: 1000 },
  })
  const { url, close } = await mount.start(app.perennial)
  onTestFinished(close)
  const issueMemberToken = async () => (await app.emulator.issueTokens({ memberId: 'mem_ada' })).accessToken
  const client = createProofClient({ server: url, issueMemberToken })
  return { client, url, events: app.recorder.events }
}

it('have names of their own', () => {
  const names = wrongProofs.map(({ name }) => name)
  expect(names).toHaveLength(new Set(names).size)
})

describe.each(mounts)('every wrong proof on $name', (mount) => {
  it('is refused by the routes and the protected route, if all tokens are bound', { timeout }, async () => {
    const { client, events } = await setUp(mount, { mode: 'all', required: true })
    const ways = [...client.refreshWays(true), ...client.accessWays(), client.accessWay('GET /projects', 200)]
    for (const way of ways) await refuseEveryWrongProof(way, { client, events })
  })

  it('is refused with a refresh token, if refresh tokens are bound', { timeout }, async () => {
    const { client, events } = await setUp(mount, { mode: 'refresh' })
    for (const way of client.refreshWays(false)) await refuseEveryWrongProof(way, { client, events })
  })
})

describe.each(mounts)('a bound access token on $name', (mount) => {
  it('is no bearer token, with a right proof and without one', async () => {
    const { client, url } = await setUp(mount, { mode: 'all' })
    const { accessToken } = await client.signIn()
    for (const path of ['/projects', '/v1/auth/me', '/v1/auth/verify', '/v1/auth/sessions'])
      for (const headers of [
        { authorization: `Bearer ${accessToken}` },
        { authorization: `bearer  ${accessToken}` },
        { 'x-memberstack-token': accessToken },
      ]) {
        const proof = () => client.prover.prove({ htm: 'GET', htu: url + path, accessToken })
        for (const dpop of [[], [proof()]])
          expect(await callWithProofs('GET', url + path, { headers, dpop }), path).toMatchObject({
            status: 401,
            challenge: 'DPoP algs="ES256", error="invalid_token"',
            body: { code: 'AUTH_PROOF_INVALID' },
          })
        const right = { headers: { authorization: `DPoP ${accessToken}` }, dpop: [proof()] }
        expect((await callWithProofs('GET', url + path, right)).status).toBeLessThan(300)
      }
  })
})

/** Starts an API with `GET /projects` that knows the verifier alone, with each adapter. */
const apis: Readonly<Record<string, (verifier: Verifier) => Promise<string>>> = {
  async Express(verifier) {
    const app = express()
    app.get('/projects', forExpress.authenticate(verifier), (request, response) => {
      response.json(request.memberstackUser)
    })
    return (await listen(app)).origin
  },
  async Fastify(verifier) {
    const app = Fastify({ forceCloseConnections: true })
    const onRequest = forFastify.authenticate(verifier)
    app.get('/projects', { onRequest }, (request) => request.memberstackUser)
    onTestFinished(() => app.close())
    return await app.listen({ port: 0, host: '127.0.0.1' })
  },
  async Hono(verifier) {
    const app = new Hono()
    app.get('/projects', async (context) => {
      const member = await forFetch.authenticate(verifier, context.req.raw)
      return member instanceof Response ? member : context.json(member.user)
    })
    const listener = getRequestListener(app.fetch)
    return (await listen((request, response) => void listener(request, response))).origin
  },
}

describe.each(Object.entries(apis))(
  'every wrong proof at an API on %s with a verifier',
  (_name, startApi) => {
    it('is refused as it is beside the issuer', { timeout }, async () => {
      const { emulator, perennial } = await createMemberstackApp({ dpop: { mode: 'all' } })
      const issuer = express()
      issuer.use('/v1/auth', forExpress.authRouter(perennial))
      issuer.get('/.well-known/jwks.json', forExpress.jwks(perennial))
      const { origin } = await listen(issuer)
      const telemetry = createRecorder()
      const jwksUri = `${origin}/.well-known/jwks.json`
      const verifier = createVerifier({ jwksUri, appId: emulator.appId, telemetry })
      onTestFinished(() => verifier.close())
      const issueMemberToken = async () => (await emulator.issueTokens()).accessToken
      const client = createProofClient({ server: origin, issueMemberToken })
      const way = client.accessWay('GET /projects', 200, { server: await startApi(verifier) })
      await refuseEveryWrongProof(way, { client, events: telemetry.events })
    })
  },
)
