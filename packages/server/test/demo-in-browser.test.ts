import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, launchBrowser } from '../../client/test/browser/harness.js'
import { startDemoWorld, type DemoWorld } from './kit/demo-world.js'

describe.runIf(hasChromium()).each(['body', 'cookie'])(
  'the demo page, with the %s transport',
  (transport) => {
    let browser: Browser
    let context: BrowserContext
    let world: DemoWorld
    const said: string[] = []

    beforeAll(async () => {
      browser = await launchBrowser()
      world = await startDemoWorld({ REFRESH_TOKEN_TRANSPORT: transport })
      context = await browser.newContext()
      await context.clock.install()
    }, 60_000)
    afterAll(async () => {
      await browser.close()
      await world.close()
    })

    /** For the service and for every tab, whose clocks go on by themselves besides. */
    const pass = async (seconds: number): Promise<void> => {
      world.pass(seconds)
      await context.clock.fastForward(seconds * 1000)
    }
    const status = (page: Page) => page.locator('#status').textContent()
    const reaches = (page: Page, wanted: string) =>
      expect.poll(() => status(page), { timeout: 20_000, interval: 50 }).toBe(wanted)
    /** The newest first. */
    const logged = (page: Page) => page.locator('#log').innerText()
    const sees = (page: Page, text: RegExp) =>
      expect.poll(() => logged(page), { timeout: 20_000, interval: 50 }).toMatch(text)
    /** Presses a button; where the page waits for a token to grow old enough to be renewed, that time passes. */
    const press = async (page: Page, button: string, outcome: RegExp): Promise<void> => {
      let hasPassed = false
      const look = async (): Promise<string> => {
        const latest = await page.locator('#latest').textContent()
        if (!hasPassed && latest?.startsWith('you: A token this fresh is never renewed')) {
          hasPassed = true
          await pass(12)
        }
        return logged(page)
      }
      await page.click(button)
      await expect.poll(look, { timeout: 20_000, interval: 50 }).toMatch(outcome)
    }
    const open = async (): Promise<Page> => {
      const page = await context.newPage()
      page.on('pageerror', (error) => said.push(String(error)))
      page.on('console', (message) => said.push(message.text()))
      await page.goto(world.url)
      return page
    }
    const counts = (page: Page) =>
      Promise.all(['own', 'other'].map((who) => page.locator(`#count-${who}`).textContent()))
    const renewals = async (page: Page) => (await counts(page)).reduce((sum, count) => sum + Number(count), 0)

    it(
      'signs in, renews through everything that breaks, and says who did it',
      { timeout: 90_000 },
      async () => {
        const page = await open()
        await press(page, '#sign-in', /Signed in\./)
        await press(page, '#call-api', /The API answered 200: ada@example\.com, user and admin/)
        const second = await open()
        await reaches(second, 'signed in')
        // A tab behind another one draws, and is clicked, once a second.
        await page.bringToFront()

        // With a cookie, a new tab may have to ask for its first token.
        const before = [(await counts(page))[0], (await counts(second))[0]].map(Number)
        await press(page, '#fifty', /50 of 50 callers got the new token; this tab made 1 request\./)
        await sees(second, /another tab\s+(\S+\s+)?Renewed the token; this tab uses it too/)
        expect(Number((await counts(page))[0])).toBe((before[0] ?? 0) + 1)
        expect(Number((await counts(second))[0])).toBe(before[1])

        await press(page, '#lose-answer', /No usable answer/)
        // Either of the two tabs may be the one that asks again.
        await sees(page, /(Asked again and got a new token|another tab\s+Renewed[^]*)[^]*No usable answer/)
        expect(await status(page)).toBe('signed in')

        const soFar = await renewals(page)
        await page.click('#wrong-clock')
        await expect.poll(() => page.locator('#page-clock').textContent()).toMatch(/2 h ahead/)
        await page.click('#call-api')
        await reaches(page, 'signed in')
        expect(await renewals(page)).toBeLessThanOrEqual(soFar + 1)
        await press(page, '#wrong-clock', /The clock is right again/)

        await press(page, '#short-life', /Renewed the token[^]*New tokens live 60 s\./)
        await expect.poll(() => page.locator('#age').textContent()).toMatch(/of 1:00$/)

        await press(page, '#outage', /No usable answer[^]*The service is down for 20 s/)
        await reaches(page, 'signed in, service silent')
        await page.click('#call-api')
        await pass(20)
        await reaches(page, 'signed in')
        for (const tab of [page, second]) expect(await logged(tab)).not.toMatch(/Signed out/)

        await press(
          page,
          '#revoke',
          /Signed out: the service refused to renew \(401 AUTH_TOKEN_REFRESH_FAILED\)/,
        )
        await sees(second, /Signed out/)
        expect(await status(page)).toBe('signed out')
        await page.locator('#reason').waitFor()
        expect(await page.locator('#reason').textContent()).toContain('AUTH_TOKEN_REFRESH_FAILED')
        await page.click('#sign-in')
        await reaches(second, 'signed in')
        expect(said.filter((line) => !line.startsWith('Failed to load resource'))).toEqual([])
      },
    )
  },
)
