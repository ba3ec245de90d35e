import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, launchBrowser } from '../../client/test/browser/harness.js'
import { startDemoWorld } from './kit/demo-world.js'

const settings: readonly Readonly<Record<string, string>>[] = [
  { DPOP: 'refresh', DPOP_REQUIRED: 'on' },
  { DPOP: 'all' },
  { DPOP: 'all', DPOP_REQUIRED: 'on' },
]

describe.runIf(hasChromium())('the button of the demo page that revokes from elsewhere', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchBrowser()
  }, 60_000)
  afterAll(() => browser.close())

  it.each(settings)(
    'ends the session where sessions are bound to keys: %o',
    { timeout: 60_000 },
    async (env) => {
      const world = await startDemoWorld({ REFRESH_TOKEN_TRANSPORT: 'body', ...env })
      const page = await (await browser.newContext()).newPage()
      const said: string[] = []
      page.on('pageerror', (error) => said.push(String(error)))
      const sees = (text: RegExp) =>
        expect.poll(() => page.locator('#log').innerText(), { timeout: 20_000, interval: 50 }).toMatch(text)
      await page.goto(world.url)
      await page.click('.session .sign-in [data-sign-in=ada]')
      await sees(/Signed in as ada@example\.com/)
      await page.click('#call-api')
      await sees(/The API answered: ada@example\.com/)
      await page.click('#revoke')
      await sees(/Another device ended this session/)
      await sees(/Signed out: the session was ended, so the service does not renew its token/)
      expect(await page.locator('#status').textContent()).toBe('signed out')
      expect(said).toEqual([])
      await page.context().close()
      await world.close()
    },
  )
})
