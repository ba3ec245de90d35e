import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ada, startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

let folder: string
let emulator: Emulator
let child: ChildProcess | undefined
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'perennial-example-'))
  emulator = await startEmulator()
})
afterEach(async () => {
  if (child && child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL')
    await once(child, 'close')
  }
  child = undefined
  await emulator.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Starts an example as its reader would, on the built packages. Resolves with its address. */
async function start(name: string): Promise<string> {
  const file = fileURLToPath(new URL(`./${name}/server.ts`, import.meta.url))
  const started = spawn(process.execPath, ['--experimental-strip-types', file], {
    cwd: folder,
    env: {
      PORT: '0',
      MEMBERSTACK_APP_ID: emulator.appId,
      MEMBERSTACK_SECRET_KEY: emulator.secretKey,
      MEMBERSTACK_ADMIN_URL: emulator.adminUrl,
      MEMBERSTACK_WEBHOOK_SECRET: emulator.webhookSecret,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child = started
  let output = ''
  return new Promise((resolve, reject) => {
    const hear = (bytes: Buffer) => {
      output += bytes.toString()
      const port = /^Listening: .*"port":(\d+)/m.exec(output)?.[1]
      if (port) resolve(`http://127.0.0.1:${port}`)
    }
    started.stdout.on('data', hear)
    started.stderr.on('data', hear)
    started.once('close', () => reject(new Error(`the ${name} example ended: ${output}`)))
  })
}

async function signIn(url: string): Promise<{ accessToken: string; refreshToken: string }> {
  const { accessToken } = await emulator.issueTokens()
  const answer = await fetch(`${url}/v1/auth/session`, { method: 'POST', headers: bearer(accessToken) })
  expect(answer.status).toBe(201)
  return await answer.json()
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

describe.each(['express', 'fastify', 'hono'])('the %s example', (name) => {
  it('signs a member in, serves him, renews and ends his session, and turns everybody else away', async () => {
    const url = await start(name)
    expect((await fetch(`${url}/projects`)).status).toBe(401)

    const first = await signIn(url)
    const served = await fetch(`${url}/projects`, { headers: bearer(first.accessToken) })
    expect(await served.json()).toEqual({ owner: 'ada@example.com', projects: ['Analytical engine'] })

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

  it('refuses a member without the role, takes webhooks, and ends when it is told to', async () => {
    emulator.updateMember(ada.email, { permissions: ['user'] })
    const url = await start(name)
    const { accessToken } = await signIn(url)
    expect((await fetch(`${url}/projects`, { headers: bearer(accessToken) })).status).toBe(403)

    emulator.setWebhookUrl(`${url}/v1/webhooks/memberstack`)
    emulator.deleteMember(ada.email)
    await emulator.webhooksSettled()
    const refused = await fetch(`${url}/projects`, { headers: bearer(accessToken) })
    expect(await refused.json()).toMatchObject({ code: 'AUTH_TOKEN_REVOKED' })

    child?.kill('SIGTERM')
    if (child) await once(child, 'close')
    expect(child?.exitCode).toBe(0)
  })
})

describe('the README', () => {
  it('shows the lines that the Express example runs', () => {
    const lines = (path: string) =>
      readFileSync(new URL(path, import.meta.url), 'utf8')
        .split('\n')
        .map((line) => line.trim())
    const example = new Set(lines('./express/server.ts'))
    const readme = lines('../README.md')
    const from = readme.indexOf('const app = express()')
    expect(from).toBeGreaterThan(0)
    const shown = readme.slice(from, readme.indexOf('```', from)).filter((line) => line !== '')
    expect(shown.length).toBeGreaterThan(4)
    for (const line of shown) expect(example).toContain(line)
  })
})
