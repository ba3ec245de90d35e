import { afterEach, expect, it } from 'vitest'
import { describeService, type ResponseDescription } from '../src/openapi/index.js'
import { call, exchange, me, pairOf, refresh, verdict, type Answer } from './kit/auth-calls.js'
import { startSessionWorld, type SessionWorld } from './kit/session-world.js'

let world: SessionWorld
afterEach(() => world.close())

type Mode = 'session' | 'forward'

/** Returns the description of an operation's response with this status. */
function describedAnswer(mode: Mode, operation: string, status: number): ResponseDescription {
  const [method = '', path = ''] = operation.split(' ')
  const operations = Object.entries(describeService(mode).paths[path] ?? {})
  const described = operations.find(([name]) => name === method)?.[1].responses[String(status)]
  if (!described) throw new Error(`${operation} answers ${status}, of which the description knows nothing`)
  return described
}

/** Compares a refusal with the description of its operation: status, code, schema and headers. */
function expectDescribed(mode: Mode, operation: string, answer: Answer): void {
  const { content, headers = {} } = describedAnswer(mode, operation, answer.status)
  const told = `${operation}: ${verdict(answer).join(' ')}`
  expect(content?.['application/json']?.schema, told).toEqual({
    allOf: [
      { $ref: '#/components/schemas/Error' },
      { properties: { code: { enum: expect.arrayContaining([answer.body['code']]) } } },
    ],
  })
  for (const name of Object.keys(headers)) expect(answer.headers.has(name), told).toBe(true)
}

it('in session mode every refusal is described', async () => {
  world = await startSessionWorld({ REQUIRED_PLANS: 'pln_gold' })
  const { emulator } = world
  const url = () => world.service.url
  const newToken = async () => (await emulator.issueTokens()).accessToken
  const signIn = async (expected: readonly [number, string], token?: string) => {
    const answer = await exchange(url(), token ?? (await newToken()))
    expect(verdict(answer)).toEqual(expected)
    expectDescribed('session', 'post /v1/auth/session', answer)
  }
  await signIn([403, 'AUTH_ROLE_INSUFFICIENT'])
  emulator.addPlan('mem_ada', 'pln_gold')
  await signIn([401, 'AUTH_TOKEN_INVALID'], 'garbage')
  await signIn(
    [401, 'AUTH_TOKEN_EXPIRED'],
    (await emulator.issueTokens({ expiresInSeconds: -1 })).accessToken,
  )
  const token = (await emulator.issueTokens({ issuedSecondsAgo: 2 })).accessToken
  const { accessToken, refreshToken } = pairOf(await exchange(url(), token))
  const everywhere = await call(url(), '/v1/auth/sessions', { method: 'DELETE', token: accessToken })
  expect(everywhere.status).toBe(204)
  await signIn([401, 'AUTH_TOKEN_REVOKED'], token)
  expectDescribed('session', 'get /v1/auth/me', await me(url(), accessToken))
  expectDescribed('session', 'get /v1/auth/sessions', await call(url(), '/v1/auth/sessions'))
  expectDescribed('session', 'post /v1/auth/refresh-token', await refresh(url(), refreshToken))
  expectDescribed('session', 'post /v1/auth/refresh-token', await refresh(url(), ''))
  expectDescribed('session', 'post /v1/auth/refresh-token', await refresh(url(), 'x'.repeat(20_000)))
  const webhook = await call(url(), '/v1/webhooks/memberstack', { method: 'POST', json: {} })
  expectDescribed('session', 'post /v1/webhooks/memberstack', webhook)
  emulator.setFault({ route: 'POST /members/verify-token', status: 500, times: 1 })
  await signIn([503, 'AUTH_UNAVAILABLE'])
  emulator.setWebhookUrl(null)
  const orphan = await newToken()
  emulator.deleteMember('mem_ada')
  await signIn([401, 'AUTH_USER_CONTEXT_INVALID'], orphan)
})

it('in forward mode every refusal is described', async () => {
  world = await startSessionWorld()
  const { emulator } = world
  const { refreshUrl, jwksUri } = emulator
  await world.restart({ MEMBERSTACK_REFRESH_URL: refreshUrl, MEMBERSTACK_JWKS_URI: jwksUri })
  const { url } = world.service
  const route = 'POST /auth/refresh-token'
  const expectRefresh = async (expected: readonly [number, string], refreshToken = 'garbage') => {
    const answer = await refresh(url, refreshToken)
    expect(verdict(answer)).toEqual(expected)
    expectDescribed('forward', 'post /v1/auth/refresh-token', answer)
  }
  await expectRefresh([401, 'AUTH_TOKEN_REFRESH_FAILED'])
  emulator.setFault({ route, status: 500, times: 1 })
  await expectRefresh([503, 'AUTH_TOKEN_REFRESH_FAILED'], 'another')
  emulator.setFault({ route, status: 404, times: 1 })
  await expectRefresh([502, 'AUTH_TOKEN_REFRESH_FAILED'], 'third')
  expectDescribed('forward', 'get /v1/auth/me', await me(url, 'garbage'))
  const webhook = await call(url, '/v1/webhooks/memberstack', { method: 'POST', json: {} })
  expect(verdict(webhook)).toEqual([404, 'AUTH_NOT_FOUND'])
  expectDescribed('forward', 'post /v1/webhooks/memberstack', webhook)
})
