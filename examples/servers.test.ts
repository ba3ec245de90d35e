import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { ada, startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runExample, type RunningExample } from './run-example.js'

let folder: string
let emulator: Emulator
let example: RunningExample | undefined
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'perennial-example-'))
  emulator = await startEmulator()
})
afterEach(async () => {
  await example?.kill()
  example = undefined
  await emulator.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Starts an example with the built packages and resolves with its address. */
async function start(name: string): Promise<string> {
  const file = fileURLToPath(new URL(`./${name}/server.ts`, import.meta.url))
  const env = {
    PORT: '0',
    MEMBERSTACK_APP_ID: emulator.appId,
    MEMBERSTACK_SECRET_KEY: emulator.secretKey,
    MEMBERSTACK_ADMIN_URL: emulator.adminUrl,
    MEMBERSTACK_WEBHOOK_SECRET: emulator.webhookSecret,
  }
  example = await runExample([process.execPath, '--experimental-strip-types', file], { cwd: folder, env })
  return example.url
}

async function signIn(url: string): Promise<{ accessToken: string; refreshToken: string }> {
  const { accessToken } = await emulator.issueTokens()
  const answer = await fetch(`${url}/v1/auth/session`, { method: 'POST', headers: bearer(accessToken) })
  expect(answer.status).toBe(201)
  return await answer.json()
}

function keyIdOf(token: string): unknown {
  return JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

describe.each(['express', 'fastify', 'hono'])('the %s example', (name) => {
  it('signs a member in, serves the member, renews and ends the session, and refuses everybody else', async () => {
    const url = await start(name)
    expect((await fetch(`${url}/projects`)).status).toBe(401)

    const first = await signIn(url)
    const served = await fetch(`${url}/projects`, { headers: bearer(first.accessToken) })
    expect(await served.json()).toEqual({ owner: 'ada@example.com', projects: ['Analytical engine'] })

    const keySet: { keys: { kid: string }[] } = await (await fetch(`${url}/.well-known/jwks.json`)).json()
    expect(keySet.keys.map(({ kid }) => kid)).toContain(keyIdOf(first.accessToken))

    const refreshed = await fetch(`${url}/v1/auth/refresh-token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ refreshToken: first.refreshToken }),
    })
    const second: typeof first = await refreshed.json()
    expect(second.refreshToken).not.toBe(first.refreshToken)

    const gone = await fetch(`${url}/v1/auth/session`, {
      method: 'DELETE',
      headers: bearer(second.accessToken),
    })
    expect(gone.status).toBe(204)
    const refused = await fetch(`${url}/projects`, { headers: bearer(second.accessToken) })
    expect(await refused.json()).toMatchObject({ code: 'AUTH_TOKEN_REVOKED' })
  })

  it('refuses a member without the role, takes webhooks, and ends at SIGTERM', async () => {
    emulator.updateMember(ada.email, { permissions: ['user'] })
    const url = await start(name)
    const { accessToken } = await signIn(url)
    expect((await fetch(`${url}/projects`, { headers: bearer(accessToken) })).status).toBe(403)

    emulator.setWebhookUrl(`${url}/v1/webhooks/memberstack`)
    emulator.deleteMember(ada.email)
    await emulator.webhooksSettled()
    const refused = await fetch(`${url}/projects`, { headers: bearer(accessToken) })
    expect(await refused.json()).toMatchObject({ code: 'AUTH_TOKEN_REVOKED' })

    expect(await example?.stop()).toBe(0)
  })
})

describe('the README', () => {
  const linesOf = (text: string) => text.split('\n').map((line) => line.trim())
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
  const [, section = ''] = /^## In your API$(.+?)^## /ms.exec(read('../README.md')) ?? []
  const blocks = [...section.matchAll(/^```ts$(.+?)^```$/gms)].map(([, code = '']) => code)

  it.each(['express', 'fastify', 'hono'].map((name, index) => [name, blocks[index] ?? ''] as const))(
    'shows lines that the %s example runs',
    (name, block) => {
      const shown = linesOf(block).filter((line) => line !== '')
      const example = linesOf(read(`./${name}/server.ts`))
      expect(shown.length).toBeGreaterThan(4)
      for (const line of shown) expect(example).toContain(line)
    },
  )
})
