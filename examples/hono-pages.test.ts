import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { startEmulator, type Emulator } from '@perennial/emulator'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, launchBrowser } from '../packages/client/test/browser/harness.js'
import { buildMemberstackScript, type MemberstackScript } from './memberstack-script.js'
import { runExample, type RunningExample } from './run-example.js'

describe.runIf(hasChromium())('pages that Hono renders', () => {
  let folder: string
  let emulator: Emulator
  let scripts: Server
  let example: RunningExample
  let browser: Browser

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'perennial-example-'))
    emulator = await startEmulator()
    const script = await buildMemberstackScript(emulator)
    scripts = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(script)
    }).listen(0, '127.0.0.1')
    await once(scripts, 'listening')
    const address = scripts.address()
    const port = typeof address === 'object' ? address?.port : 0
    const file = fileURLToPath(new URL('./hono-pages/server.ts', import.meta.url))
    const env = {
      PORT: '0',
      MEMBERSTACK_APP_ID: emulator.appId,
      MEMBERSTACK_SECRET_KEY: emulator.secretKey,
      MEMBERSTACK_ADMIN_URL: emulator.adminUrl,
      MEMBERSTACK_SCRIPT_URL: `http://127.0.0.1:${port}/memberstack.js`,
    }
    example = await runExample([process.execPath, '--experimental-strip-types', file], { cwd: folder, env })
    browser = await launchBrowser()
  }, 60_000)
  afterAll(async () => {
    await browser.close()
    expect(await example.stop()).toBe(0)
    scripts.close()
    await emulator.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const memberstackOf = (page: Page) => page.evaluateHandle<MemberstackScript>('window.$memberstackDom')
  const waitFor = (page: Page, status: string) =>
    page.waitForFunction((wanted) => window.Perennial.session?.state.status === wanted, status)
  async function signIn(page: Page, email: string): Promise<void> {
    const member = { email, password: 'perennial-demo' }
    await (await memberstackOf(page)).evaluate((sdk, member) => sdk.loginMemberEmailPassword(member), member)
    await waitFor(page, 'signed-in')
  }
  const greeting = async (page: Page, path: string) => {
    await page.goto(`${example.url}${path}`)
    return await page.textContent('#greeting')
  }

  it('show their member after a sign-in by Memberstack, and nobody after a sign-out, on no page and not by Back', async () => {
    const page = await browser.newPage()
    expect(await greeting(page, '/')).toBe('Hello visitor')
    await page.goto(`${example.url}/account`)
    expect(page.url()).toBe(`${example.url}/`)

    await signIn(page, 'ada@example.com')
    expect(await greeting(page, '/')).toBe('Hello ada@example.com')
    expect(await greeting(page, '/account')).toBe('ada@example.com')
    expect(await greeting(page, '/pro')).toBe('This page is part of the plan Pro.')
    const cookies = await page.context().cookies()
    expect(cookies.map(({ name, httpOnly, secure, sameSite }) => [name, httpOnly, secure, sameSite])).toEqual(
      expect.arrayContaining([
        ['__Host-perennial', true, true, 'Lax'],
        ['__Host-perennial-access', true, true, 'Lax'],
      ]),
    )

    await greeting(page, '/account')
    await (await memberstackOf(page)).evaluate((sdk) => sdk.logout())
    await waitFor(page, 'signed-out')
    expect(await greeting(page, '/')).toBe('Hello visitor')
    await page.goBack()
    expect(page.url()).toBe(`${example.url}/`)
    expect(await page.textContent('#greeting')).toBe('Hello visitor')

    await signIn(page, 'bob@example.com')
    expect(await greeting(page, '/account')).toBe('bob@example.com')
    await page.close()
  })
})
