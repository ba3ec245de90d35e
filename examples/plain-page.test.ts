import { readFileSync } from 'node:fs'
import cors from '@fastify/cors'
import { createPerennial, type Perennial } from '@perennial/auth'
import { authenticate, perennialAuth } from '@perennial/auth/fastify'
import { ada, startEmulator, type Emulator } from '@perennial/emulator'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, launchBrowser } from '../packages/client/test/browser/harness.js'
import { buildMemberstackScript, type MemberstackScript } from './memberstack-script.js'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

describe.runIf(hasChromium())('the plain page', () => {
  let browser: Browser
  let emulator: Emulator
  let perennial: Perennial
  const apps: FastifyInstance[] = []
  const listen = (prepare: (app: FastifyInstance) => void): Promise<string> => {
    const app = Fastify({ forceCloseConnections: true })
    apps.push(app)
    prepare(app)
    return app.listen({ port: 0, host: '127.0.0.1' })
  }

  /** Starts web server, service and API, each on its own origin, and sets their addresses in the files. */
  const startSite = async (memberstackScript: string): Promise<string> => {
    let text = (placeholders: string) => placeholders
    const site = await listen((app) => {
      const files: [path: string, type: string, text: string][] = [
        ['/', 'text/html', read('./plain-page/index.html')],
        ['/members.js', 'text/javascript', read('./plain-page/members.js')],
        ['/perennial.global.js', 'text/javascript', read('../packages/client/dist/perennial.global.js')],
        ['/memberstack.js', 'text/javascript', memberstackScript],
      ]
      app.get('/favicon.ico', (_, reply) => reply.code(204).send())
      for (const [path, type, file] of files) app.get(path, (_, reply) => reply.type(type).send(text(file)))
    })
    const service = await listen((app) => {
      app.register(cors, { origin: site, methods: ['GET', 'POST', 'DELETE'] })
      app.register(perennialAuth, { prefix: '/v1/auth', perennial })
    })
    const api = await listen((app) => {
      app.register(cors, { origin: site })
      app.get('/projects', { onRequest: authenticate(perennial) }, ({ memberstackUser }) => ({
        owner: memberstackUser?.email,
      }))
    })
    text = (placeholders) =>
      placeholders
        .replaceAll('https://www.example.com', site)
        .replaceAll('https://auth.example.com', service)
        .replaceAll('https://api.example.com', api)
        .replace('</head>', '<script src="/memberstack.js"></script></head>')
    return site
  }

  beforeAll(async () => {
    emulator = await startEmulator()
    const { appId, secretKey, adminUrl } = emulator
    perennial = await createPerennial({ store: 'memory:', memberstack: { appId, secretKey, adminUrl } })
    browser = await launchBrowser()
  }, 60_000)
  afterAll(async () => {
    await browser.close()
    for (const app of apps) await app.close()
    await perennial.close()
    await emulator.close()
  })

  const waitForText = (page: Page, selector: string, text: string) =>
    expect.poll(() => page.textContent(selector), { timeout: 20_000, interval: 10 }).toContain(text)

  it('follows Memberstack, asks the API for the member, and shows nothing of him once he is signed out', async () => {
    const page = await browser.newPage()
    const said: string[] = []
    page.on('pageerror', (error) => said.push(String(error)))
    page.on('console', (message) => said.push(message.text()))
    await page.goto(await startSite(await buildMemberstackScript(emulator)))
    await waitForText(page, '[data-who]', 'Signed out')
    expect(await page.isVisible('[data-load]')).toBe(false)

    const memberstack = await page.evaluateHandle<MemberstackScript>('window.$memberstackDom')
    const member = { email: ada.email, password: 'perennial-demo' }
    await memberstack.evaluate((sdk, member) => sdk.loginMemberEmailPassword(member), member)
    await waitForText(page, '[data-who]', 'Signed in as mem_ada')
    await page.click('[data-load]')
    await waitForText(page, '[data-projects]', ada.email)

    await memberstack.evaluate((sdk) => sdk.logout())
    await waitForText(page, '[data-who]', 'Signed out')
    expect(await page.isVisible('[data-load]')).toBe(false)
    expect(await page.textContent('[data-projects]')).toBe('')
    expect(said).toEqual([])
  })
})
