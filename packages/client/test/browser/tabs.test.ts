import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  eventsOf,
  hasChromium,
  launchBrowser,
  openPage,
  openSession,
  startPageServer,
  waitForEvent,
  type PageServer,
} from './harness.js'
import { startHonestService, type HonestService } from './honest-service.js'

const refreshRoute = 'POST /v1/auth/refresh-token'

describe.runIf(hasChromium())('several tabs of one browser', () => {
  let browser: Browser
  let context: BrowserContext
  let pages: PageServer
  let service: HonestService
  const said: string[] = []

  beforeAll(async () => {
    browser = await launchBrowser()
    pages = await startPageServer()
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    await pages?.close()
  })
  beforeEach(async () => {
    service = await startHonestService()
    pages.api = service.api
    context = await browser.newContext()
    said.length = 0
  })
  afterEach(async () => {
    await context.close()
    await service.close()
    expect(said).toEqual([])
  })

  const openTabs = async (count: number, options = {}): Promise<Page[]> => {
    const tabs: Page[] = []
    for (let i = 0; i < count; i++) {
      const page = await openPage(context, pages.url, said)
      await openSession(page, { serviceUrl: service.url, ...options })
      tabs.push(page)
    }
    return tabs
  }

  it('makes one refresh of 50 parallel calls in each of 5 tabs with an expired token', async () => {
    service.delayMs = 50
    const tabs = await openTabs(5)
    // The token ends while no tab looks: refreshing is held back until all the calls are made.
    const pair = service.pair({ ageSeconds: 3600 })
    const answers = Promise.all(
      tabs.map((tab) =>
        tab.evaluate(async () => {
          await new Promise((resolve) => window.session.onChange(resolve))
          const calls = Array.from({ length: 50 }, () => window.session.fetch('/api/who'))
          return Promise.all(calls.map(async (call) => (await call).status))
        }),
      ),
    )
    await tabs[0]?.evaluate((pair) => window.session.signIn(pair), pair)
    expect((await answers).flat()).toEqual(Array.from({ length: 250 }, () => 200))
    expect(service.calls[refreshRoute]).toBe(1)
    for (const tab of tabs) expect(await eventsOf(tab)).toEqual(['signed-in', 'refreshed'])
  })

  it('tells every tab of a sign-in, a refresh and a sign-out', async () => {
    const tabs = await openTabs(3)
    await tabs[0]?.evaluate((jwt) => window.session.signIn(jwt), service.memberJwt())
    for (const tab of tabs) await waitForEvent(tab, 'signed-in')
    await tabs[1]?.evaluate(() => window.session.signOut())
    for (const tab of tabs) {
      await waitForEvent(tab, 'signed-out')
      expect(await eventsOf(tab)).toEqual(['signed-in', 'signed-out'])
      expect(await tab.evaluate(() => [window.session.state.error, window.session.getAccessToken()])).toEqual(
        [null, expect.anything()],
      )
      expect(await tab.evaluate(() => window.session.getAccessToken())).toBeNull()
      expect(await tab.evaluate(() => JSON.stringify(localStorage))).not.toMatch(/Token/)
    }
    expect([...service.sessions.values()].every(({ ended }) => ended)).toBe(true)
  })
})
