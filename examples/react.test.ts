import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readConfig, startService, type Service } from '@perennial/server'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { build, createServer, preview } from 'vite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { hasChromium, launchBrowser } from '../packages/client/test/browser/harness.js'

const root = fileURLToPath(new URL('react', import.meta.url))

/** A running site, at an address of this machine. */
interface Site {
  readonly url: string
  close(): Promise<void>
}

/** Serves the example as `npm run dev` does. */
async function serveSources(folder: string): Promise<Site> {
  const server = await createServer({
    root,
    cacheDir: join(folder, 'cache'),
    logLevel: 'error',
    server: { port: 0, host: '127.0.0.1' },
  })
  await server.listen()
  return { url: urlOf(server), close: () => server.close() }
}

/** Serves the example as `npm run build && npm run preview` do. */
async function serveBuilt(folder: string): Promise<Site> {
  const options = { root, logLevel: 'error', build: { outDir: join(folder, 'dist') } } as const
  await build({ ...options, mode: 'development' })
  const server = await preview({ ...options, preview: { port: 0, host: '127.0.0.1' } })
  return { url: urlOf(server), close: () => server.close() }
}

function urlOf({ httpServer }: { httpServer: { address(): unknown } | null }): string {
  const address = httpServer?.address()
  if (typeof address !== 'object' || !address || !('port' in address)) throw new Error('not listening')
  return `http://127.0.0.1:${String(address.port)}`
}

/** Whether each page of the test shows the sign-in form, or the member. */
const form = (page: Page) => page.getByPlaceholder('Password')
const member = (page: Page) => page.getByRole('heading', { name: 'ada@example.com' })

describe.runIf(hasChromium()).each([
  ['the development server', serveSources],
  ['the built files', serveBuilt],
])('the React example, served by %s of Vite', (_name, serve) => {
  let browser: Browser
  let folder: string
  let service: Service
  let site: Site
  let context: BrowserContext
  const said: string[] = []

  const open = async (): Promise<Page> => {
    const page = await context.newPage()
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) said.push(message.text())
    })
    page.on('pageerror', (error) => said.push(String(error)))
    await page.goto(site.url)
    return page
  }
  const signIn = async (page: Page, password = 'perennial-demo') => {
    await page.getByPlaceholder('E-mail').fill('ada@example.com')
    await form(page).fill(password)
    await page.getByRole('button', { name: 'Sign in' }).click()
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'perennial-react-'))
    // No CORS_ORIGIN: in development the service allows pages of this machine.
    const env = { PORT: '0', EMULATOR_PORT: '0', STORE_URL: 'memory:', LOG_LEVEL: 'silent' }
    service = await startService(readConfig(env, { readTextFile: () => '' }))
    vi.stubEnv('VITE_PERENNIAL_URL', service.url)
    vi.stubEnv('VITE_MEMBERSTACK_PUBLIC_KEY', service.emulator?.publicKey)
    vi.stubEnv('VITE_MEMBERSTACK_URL', service.emulator?.url)
    vi.stubEnv('NODE_ENV', undefined)
    site = await serve(folder)
    browser = await launchBrowser()
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await site?.close()
    vi.unstubAllEnvs()
    await service?.close()
    await rm(folder, { recursive: true, force: true })
  })
  beforeEach(async () => {
    context = await browser.newContext()
    said.length = 0
  })
  afterEach(() => context.close())

  it('signs a member in, in every tab, and keeps the session over a reload', async () => {
    const page = await open()
    const other = await open()
    await form(other).waitFor()
    await signIn(page)
    for (const tab of [page, other]) await member(tab).waitFor()
    await page.getByText('Roles: user, admin').waitFor()
    await page.getByText('This device').waitFor()
    await page.reload()
    await member(page).waitFor()
    expect(said).toEqual([])
  })

  it.each(['Sign out', 'Sign out everywhere'])('signs out in every tab: %s', async (button) => {
    const page = await open()
    await signIn(page)
    await member(page).waitFor()
    const other = await open()
    await member(other).waitFor()
    await page.getByRole('button', { name: button, exact: true }).click()
    for (const tab of [page, other]) await form(tab).waitFor()
    expect(said).toEqual([])
  })

  it('shows why a sign-in failed', async () => {
    const page = await open()
    await signIn(page, 'wrong')
    await page.getByRole('alert').waitFor()
    await form(page).waitFor()
  })
})
