import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest'
import type { SessionOptions } from '../../src/index.js'
import {
  hasChromium,
  launchBrowser,
  openPage,
  openSession,
  startPageServer,
  type PageServer,
} from './harness.js'
import { startHonestService, type HonestService } from './honest-service.js'

/** The options that can be passed into a page. */
export type PlainOptions = Partial<Omit<SessionOptions, 'fetch' | 'memberstack' | 'proof'>>

/** A browser with a service and a site, new for each test. */
export interface World {
  browser: Browser
  context: BrowserContext
  pages: PageServer
  /** Another origin of the same site. Cookies are shared by both, storage is not. */
  sibling: PageServer
  service: HonestService
  /** The console messages and uncaught errors of all pages. */
  said: string[]
  openTabs(count: number, options?: PlainOptions): Promise<Page[]>
  openTab(options?: PlainOptions): Promise<Page>
  /** Opens a tab and signs in with a pair of this age. */
  signedIn(options?: PlainOptions, pair?: { ageSeconds?: number }): Promise<Page>
  refreshes(): number
}

/** Runs tests in a real browser. After each, the consoles must be empty but for the browser's own messages on failed loads. */
export function describeInBrowser(name: string, body: (world: World) => void): void {
  describe.runIf(hasChromium())(name, () => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the rest is filled in before each test
    const world = {
      said: [] as string[],
      async openTab(options: PlainOptions = {}) {
        const page = await openPage(world.context, world.pages.url, world.said)
        await openSession(page, { serviceUrl: world.service.url, ...options })
        return page
      },
      async openTabs(count: number, options: PlainOptions = {}) {
        const tabs: Page[] = []
        for (let i = 0; i < count; i++) tabs.push(await world.openTab(options))
        return tabs
      },
      async signedIn(options: PlainOptions = {}, age: { ageSeconds?: number } = {}) {
        const page = await world.openTab(options)
        await page.evaluate((pair) => window.session.signIn(pair), world.service.pair(age))
        return page
      },
      refreshes: () => world.service.calls['POST /v1/auth/refresh-token'] ?? 0,
    } as World
    beforeAll(async () => {
      world.browser = await launchBrowser()
      world.pages = await startPageServer()
      world.sibling = await startPageServer()
    }, 60_000)
    afterAll(async () => {
      await world.browser.close()
      await world.pages.close()
      await world.sibling.close()
    })
    beforeEach(async () => {
      world.service = await startHonestService()
      world.pages.api = world.sibling.api = world.service.api
      world.pages.headers = {}
      world.context = await world.browser.newContext()
      world.said.length = 0
    })
    afterEach(async () => {
      await world.context.close()
      await world.service.close()
      expect(world.said.filter((line) => !/^Failed to load resource|blocked by CORS/.test(line))).toEqual([])
    })
    body(world)
  })
}
