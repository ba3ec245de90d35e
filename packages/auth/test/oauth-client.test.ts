import * as oauth from 'oauth4webapi'
import { startEmulator, type Emulator } from '@perennial/emulator'
import express from 'express'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { authenticate, authRouter } from '../src/adapters/express.js'
import { createPerennial } from '../src/compose/create-perennial.js'
import { createVerifier } from '../src/http/index.js'
import * as forFastify from '../src/adapters/fastify.js'
import Fastify from 'fastify'
import { jwks } from '../src/adapters/express.js'

/** The library speaks plain http only if it is told to. */
const insecure = { [oauth.allowInsecureRequests]: true } as const

let emulator: Emulator
beforeAll(async () => {
  emulator = await startEmulator()
})
afterAll(() => emulator.close())

/** The service, an API beside it that verifies tokens by itself, and a client with a key of its own. */
async function setUp() {
  const { appId, secretKey, adminUrl, issuer } = emulator
  const perennial = await createPerennial({
    store: 'memory:',
    memberstack: { appId, secretKey, adminUrl, issuer },
    dpop: { mode: 'all', required: true },
  })
  onTestFinished(() => perennial.close())
  const app = express()
  app.use('/v1/auth', authRouter(perennial))
  app.get('/.well-known/jwks.json', jwks(perennial))
  app.get('/projects', authenticate(perennial), (request, response) => response.json(request.memberstackUser))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const url = `http://127.0.0.1:${port}`

  const verifier = createVerifier({ jwksUri: `${url}/.well-known/jwks.json`, appId })
  onTestFinished(() => verifier.close())
  const api = Fastify()
  api.get('/orders', { onRequest: forFastify.authenticate(verifier) }, (request) => request.memberstackUser)
  const apiUrl = await api.listen({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => api.close())

  const key = await oauth.generateKeyPair('ES256')
  const handle = oauth.DPoP({}, key)
  const ask = async (token: string, method: string, target: string, body?: object, DPoP = handle) => {
    const headers = new Headers({ 'content-type': 'application/json', 'x-memberstack-token': token })
    const text = body && JSON.stringify(body)
    return await oauth.protectedResourceRequest(token, method, new URL(target), headers, text, {
      DPoP,
      ...insecure,
    })
  }
  return { url, apiUrl, handle, ask }
}

const refusal = async (response: Promise<unknown>) => {
  try {
    await response
  } catch (error) {
    if (error instanceof oauth.WWWAuthenticateChallengeError)
      return { status: error.status, challenges: error.cause }
    throw error
  }
  return null
}

describe('oauth4webapi as a client', () => {
  it('makes proofs that sign in, refresh, and open the routes of the app and of an API beside it', async () => {
    const { url, apiUrl, handle, ask } = await setUp()
    const { accessToken: memberToken } = await emulator.issueTokens()
    const signedIn = await ask(memberToken, 'POST', `${url}/v1/auth/session`)
    expect(signedIn.status).toBe(201)
    const first: Record<string, string> = await signedIn.json()
    expect(first['token_type']).toBe('DPoP')
    const [, payload = ''] = first['accessToken']?.split('.') ?? []
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    expect(claims.cnf).toEqual({ jkt: await handle.calculateThumbprint() })

    const body = { refreshToken: first['refreshToken'] }
    const refreshed = await ask(first['accessToken'] ?? '', 'POST', `${url}/v1/auth/refresh-token`, body)
    expect(refreshed.status).toBe(200)
    const { accessToken = '' }: Record<string, string> = await refreshed.json()
    for (const target of [
      `${url}/projects`,
      `${url}/projects?page=2`,
      `${url}/v1/auth/me`,
      `${apiUrl}/orders`,
    ]) {
      const answer = await ask(accessToken, 'GET', target)
      expect(answer.status, target).toBe(200)
      expect(await answer.json()).toMatchObject({ email: 'ada@example.com' })
    }
  })

  it('reads the challenges of its refusals', async () => {
    const { url, apiUrl, ask } = await setUp()
    const { accessToken: memberToken } = await emulator.issueTokens()
    const signedIn = await ask(memberToken, 'POST', `${url}/v1/auth/session`)
    const { accessToken = '' }: Record<string, string> = await signedIn.json()
    const other = oauth.DPoP({}, await oauth.generateKeyPair('ES256'))
    for (const target of [`${url}/projects`, `${apiUrl}/orders`]) {
      const challenge = { scheme: 'dpop', parameters: { algs: 'ES256', error: 'invalid_dpop_proof' } }
      expect(await refusal(ask(accessToken, 'GET', target, undefined, other))).toMatchObject({
        status: 401,
        challenges: [challenge],
      })
      const bearer = oauth.protectedResourceRequest(
        accessToken,
        'GET',
        new URL(target),
        undefined,
        null,
        insecure,
      )
      expect(await refusal(bearer)).toMatchObject({
        status: 401,
        challenges: [{ scheme: 'dpop', parameters: { algs: 'ES256', error: 'invalid_token' } }],
      })
    }
  })
})
