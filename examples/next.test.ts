import process from 'node:process'
import { ada, startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import * as jwks from './next/app/.well-known/jwks.json/route.js'
import * as projects from './next/app/projects/route.js'
import * as auth from './next/app/v1/auth/[...path]/route.js'
import * as webhook from './next/app/v1/webhooks/memberstack/route.js'
import { getPerennial } from './next/perennial.js'

const origin = 'https://app.example.com'

let emulator: Emulator
beforeEach(async () => {
  emulator = await startEmulator()
  vi.stubEnv('STORE_URL', 'memory:')
  vi.stubEnv('MEMBERSTACK_APP_ID', emulator.appId)
  vi.stubEnv('MEMBERSTACK_SECRET_KEY', emulator.secretKey)
  vi.stubEnv('MEMBERSTACK_ADMIN_URL', emulator.adminUrl)
  vi.stubEnv('MEMBERSTACK_WEBHOOK_SECRET', emulator.webhookSecret)
})
afterEach(async () => {
  await (await getPerennial()).close()
  Reflect.deleteProperty(globalThis, 'perennial')
  vi.unstubAllEnvs()
  await emulator.close()
})

type Route = (request: Request) => Promise<Response>

/** Calls an exported function as Next.js does. */
const call = (route: Route, path: string, init: RequestInit = {}) => route(new Request(origin + path, init))
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

async function signIn(): Promise<{ accessToken: string; refreshToken: string }> {
  const { accessToken } = await emulator.issueTokens()
  const answer = await call(auth.POST, '/v1/auth/session', { method: 'POST', headers: bearer(accessToken) })
  expect(answer.status).toBe(201)
  return await answer.json()
}

it('signs a member in, serves the member, renews and ends the session, and refuses everybody else', async () => {
  expect((await call(projects.GET, '/projects')).status).toBe(401)
  const first = await signIn()
  const served = await call(projects.GET, '/projects', { headers: bearer(first.accessToken) })
  expect(await served.json()).toEqual({ owner: 'ada@example.com', projects: ['Analytical engine'] })

  const body = JSON.stringify({ refreshToken: first.refreshToken })
  const refreshed = await call(auth.POST, '/v1/auth/refresh-token', { method: 'POST', body })
  const second: typeof first = await refreshed.json()
  expect(second.refreshToken).not.toBe(first.refreshToken)
  const me = await call(auth.GET, '/v1/auth/me', { headers: bearer(second.accessToken) })
  expect(await me.json()).toMatchObject({ email: 'ada@example.com' })

  const init = { method: 'DELETE', headers: bearer(second.accessToken) }
  expect((await call(auth.DELETE, '/v1/auth/session', init)).status).toBe(204)
  const refused = await call(projects.GET, '/projects', { headers: bearer(second.accessToken) })
  expect(await refused.json()).toMatchObject({ code: 'AUTH_TOKEN_REVOKED' })
})

it('refuses a member without the role', async () => {
  emulator.updateMember(ada.email, { permissions: ['user'] })
  const { accessToken } = await signIn()
  const answer = await call(projects.GET, '/projects', { headers: bearer(accessToken) })
  expect([answer.status, await answer.json()]).toEqual([
    403,
    expect.objectContaining({ code: 'AUTH_ROLE_INSUFFICIENT' }),
  ])
})

it('takes no webhook that Memberstack has not signed, and publishes the key set', async () => {
  const unsigned = await call(webhook.POST, '/v1/webhooks/memberstack', { method: 'POST', body: '{}' })
  expect([unsigned.status, await unsigned.json()]).toEqual([
    400,
    expect.objectContaining({ code: 'AUTH_WEBHOOK_INVALID' }),
  ])
  const keySet = await jwks.GET()
  expect(keySet.headers.get('cache-control')).toBe('public, max-age=300')
  expect(await keySet.json()).toEqual({ keys: [expect.objectContaining({ alg: 'ES256' })] })
})

it('counts refusals by the address that the nearest proxy saw', async () => {
  const statusFor = async (forwarded: string) => {
    const headers = { 'x-forwarded-for': forwarded }
    return (await call(auth.GET, '/v1/auth/me', { headers })).status
  }
  for (let refusals = 0; refusals < 100; refusals++)
    expect(await statusFor(`made-up-${refusals}, 192.0.2.1`)).toBe(401)
  expect(await statusFor('made-up, 192.0.2.1')).toBe(429)
  expect(await statusFor('192.0.2.1, 192.0.2.2')).toBe(401)
})

it('starts once for all its routes, and again at the next request where that failed', async () => {
  const appId = process.env['MEMBERSTACK_APP_ID']
  vi.stubEnv('MEMBERSTACK_APP_ID', '')
  await expect(call(projects.GET, '/projects')).rejects.toThrow('memberstack.appId')
  vi.stubEnv('MEMBERSTACK_APP_ID', appId)
  expect((await call(projects.GET, '/projects')).status).toBe(401)
  expect(getPerennial()).toBe(getPerennial())
})

it('runs on Node, where node:sqlite is', () => {
  expect([auth, projects, webhook, jwks].map(({ runtime }) => runtime)).toEqual(Array(4).fill('nodejs'))
})
