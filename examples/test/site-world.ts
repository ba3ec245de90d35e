import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmulator, type Emulator } from '@perennial/emulator'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { launchBrowser } from '../../packages/client/test/browser/harness.js'
import { buildSite, startSite, type RunningSite, type SiteExample } from './built-site.js'
import { startLossyProxy, type LossyProxy } from './lossy-proxy.js'

/** A site in a process of its own, the emulator as its Memberstack, a browser, and a proxy between site and browser. */
export interface SiteWorld {
  readonly emulator: Emulator
  readonly site: RunningSite
  readonly proxy: LossyProxy
  readonly browser: Browser
  /** The address of the home page, through the proxy. */
  readonly url: string
  /** Starts the site in another process, with these variables in place of its own. */
  startAnother(env?: Readonly<Record<string, string>>): Promise<RunningSite>
  /** Lets time pass, for the site and for Memberstack. */
  pass(seconds: number): Promise<void>
  /** By how many seconds its clock is ahead. */
  readonly aheadSeconds: number
  /** Sends a request with the cookies of a browser. Redirects are not followed. */
  ask(context: BrowserContext | undefined, path: string, init?: RequestInit): Promise<Response>
  close(): Promise<void>
}

/** Builds and starts all of it. */
export async function startSiteWorld(example: SiteExample): Promise<SiteWorld> {
  let aheadSeconds = 0
  const folder = mkdtempSync(join(tmpdir(), 'perennial-site-'))
  const emulator = await startEmulator({
    clock: () => Date.now() / 1000 + aheadSeconds,
    adminRequestsPerSecond: 1e6,
  })
  const { base = '' } = example
  const env = {
    BASE_PATH: base,
    NEXT_PUBLIC_BASE_PATH: base,
    STORE_URL: `sqlite:${join(folder, 'perennial.db')}`,
    PERENNIAL_SECRET: Buffer.alloc(32, 7).toString('base64'),
    MEMBERSTACK_APP_ID: emulator.appId,
    MEMBERSTACK_SECRET_KEY: emulator.secretKey,
    MEMBERSTACK_ADMIN_URL: emulator.adminUrl,
    NEXT_PUBLIC_MEMBERSTACK_PUBLIC_KEY: emulator.publicKey,
    NEXT_PUBLIC_MEMBERSTACK_URL: emulator.url,
    PUBLIC_MEMBERSTACK_PUBLIC_KEY: emulator.publicKey,
    PUBLIC_MEMBERSTACK_URL: emulator.url,
  }
  await buildSite(example, env)
  const site = await startSite(example, env)
  const [proxy, browser] = await Promise.all([startLossyProxy(site.url), launchBrowser()])
  return {
    emulator,
    site,
    proxy,
    browser,
    url: `${proxy.url}${base}`,
    startAnother: (own = {}) => startSite(example, { ...env, ...own }),
    get aheadSeconds() {
      return aheadSeconds
    },
    async pass(seconds) {
      aheadSeconds += seconds
      await site.setClock(aheadSeconds)
    },
    async ask(context, path, init = {}) {
      const cookies = (await context?.cookies()) ?? []
      const headers = new Headers(init.headers)
      headers.set('cookie', cookies.map(({ name, value }) => `${name}=${value}`).join('; '))
      // Where a site has a base path, its home page has no slash at the end.
      const address = base !== '' && path === '/' ? '' : path
      return await fetch(`${proxy.url}${base}${address}`, { redirect: 'manual', ...init, headers })
    },
    async close() {
      await browser.close()
      await proxy.close()
      await site.stop()
      await emulator.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Returns true for the address of the home page of a site. */
export const isHome =
  ({ url }: Pick<SiteWorld, 'url'>) =>
  ({ origin, pathname }: URL): boolean =>
    `${origin}${pathname}`.replace(/\/$/, '') === url

/** Returns the greeting that a page shows. */
export async function greetingOf(page: Page): Promise<string | null> {
  const greeting = page.locator('#greeting:visible')
  await greeting.waitFor()
  return await greeting.textContent()
}

/** Signs a member in by the form of the page, and waits until the page that is shown is the member's. */
export async function signIn(page: Page, email: string): Promise<void> {
  const form = page.locator('#sign-in:visible')
  await form.waitFor()
  await form.locator('[name=email]').fill(email)
  await form.locator('[name=password]').fill('perennial-demo')
  await form.locator('button').click()
  await page.getByText(email, { exact: false }).first().waitFor()
  await page.locator('#status:visible button').waitFor()
}

/** Signs out by the button of the page, and waits until the page that is shown is a visitor's. */
export async function signOut(page: Page): Promise<void> {
  await page.locator('#status:visible button').click()
  await page.locator('#sign-in:visible').waitFor()
  await page.getByText('Hello visitor').waitFor()
}
