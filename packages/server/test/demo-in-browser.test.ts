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

    it('offers a sign-in on the first screen of a phone, and beside the disabled buttons', async () => {
      const phone = await browser.newContext({ viewport: { width: 390, height: 664 } })
      const page = await phone.newPage()
      await page.goto(world.url)
      const box = await page.locator('.hero [data-sign-in=bob]').boundingBox()
      expect((box?.y ?? 664) + (box?.height ?? 0)).toBeLessThan(664)
      expect(await page.locator('#fifty').isDisabled()).toBe(true)
      expect(await page.locator('section:has(#fifty) [data-sign-in=ada]').isVisible()).toBe(true)
      await phone.close()
    })

    it('shows times that add up', async () => {
      const fresh = await browser.newContext()
      await fresh.clock.install()
      const page = await fresh.newPage()
      await page.goto(world.url)
      await page.click('.session .sign-in [data-sign-in=ada]')
      await reaches(page, 'signed in')
      await expect.poll(() => page.locator('#age').textContent()).toMatch(/of 60:00/)
      const shown = await page.evaluate(() =>
        ['time-left', 'age', 'time-note'].map((id) => document.getElementById(id)?.textContent ?? ''),
      )
      const [left = 0, age = 0, untilRenewal = 0] = shown.map((text) => {
        const [, minutes, seconds] = /(\d+):(\d\d)/.exec(text) ?? []
        return Number(minutes) * 60 + Number(seconds)
      })
      expect([left + age, left - untilRenewal]).toEqual([3600, 300])
      await fresh.close()
    })

    it(
      'signs in, renews through everything that breaks, and says who did it',
      { timeout: 90_000 },
      async () => {
        const page = await open()
        await page.locator('.nothing-yet').waitFor()
        await press(page, '.session .sign-in [data-sign-in=ada]', /Signed in as ada@example\.com\./)
        expect(await page.locator('.nothing-yet').isVisible()).toBe(false)
        await press(page, '#call-api', /The API answered: ada@example\.com, user and admin/)
        const second = await open()
        await reaches(second, 'signed in')
        await second.waitForLoadState('networkidle')
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
        // By cookie, a token that is asked for within half a minute ends when the last one would have.
        const life = transport === 'cookie' ? /of (1:00|0:\d\d)$/ : /of 1:00$/
        await expect.poll(() => page.locator('#age').textContent()).toMatch(life)

        await press(page, '#outage', /No usable answer[^]*The service is down for 20 s/)
        await reaches(page, 'signed in, service silent')
        await page.click('#call-api')
        await pass(20)
        await reaches(page, 'signed in')
        for (const tab of [page, second]) expect(await logged(tab)).not.toMatch(/Signed out/)

        await press(
          page,
          '#revoke',
          /Signed out: the session was ended, so the service does not renew its token/,
        )
        await sees(second, /Signed out/)
        expect(await status(page)).toBe('signed out')
        await page.locator('#reason').waitFor()
        expect(await page.locator('#reason').textContent()).toContain('the session was ended')
        await page.click('.session .sign-in [data-sign-in=bob]')
        await reaches(second, 'signed in')
        for (const tab of [page, second]) {
          await sees(tab, /Signed in as bob@example\.com/)
          await expect.poll(() => tab.locator('#roles').textContent()).toBe('user')
          expect(await tab.locator('body').innerText()).not.toMatch(/AUTH_|\b[45]\d\d\b/)
        }
        await press(page, '#switch-ada', /Signed in as ada@example\.com[^]*bob@example\.com/)
        await expect.poll(() => second.locator('#member').textContent()).toBe('ada@example.com')
        expect(said.filter((line) => !line.startsWith('Failed to load resource'))).toEqual([])
      },
    )
  },
)
