import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, launchBrowser } from '../../client/test/browser/harness.js'
import { startDemoWorld, type DemoWorld } from './kit/demo-world.js'

describe.runIf(hasChromium())('tokens that are copied from the demo page to another browser', () => {
  let browser: Browser
  let world: DemoWorld
  const said: string[] = []

  beforeAll(async () => {
    browser = await launchBrowser()
    world = await startDemoWorld({ REFRESH_TOKEN_TRANSPORT: 'body' })
  }, 60_000)
  afterAll(async () => {
    await browser.close()
    await world.close()
  })

  /** Opens the page in a browser of its own: no storage and no key is shared with another one. */
  const open = async (path: string): Promise<Page> => {
    const page = await (await browser.newContext()).newPage()
    page.on('pageerror', (error) => said.push(String(error)))
    page.on('console', (message) => said.push(message.text()))
    await page.goto(world.url + path)
    return page
  }
  const sees = (page: Page, text: RegExp) =>
    expect.poll(() => page.locator('#log').innerText(), { timeout: 20_000, interval: 50 }).toMatch(text)
  const copyFrom = async (page: Page): Promise<string> => {
    await page.click('#copy-tokens')
    await sees(page, /Copied the tokens/)
    const tokens = await page.locator('#copy').inputValue()
    expect(JSON.parse(tokens)).toEqual({
      accessToken: expect.stringMatching(/^ey/),
      refreshToken: expect.stringMatching(/^[\w-]{75}$/),
    })
    return tokens
  }
  const signIn = async (page: Page) => {
    await page.click('.session .sign-in [data-sign-in=ada]')
    await sees(page, /Signed in as ada@example\.com/)
  }
  const callsApi = async (page: Page) => {
    await page.click('#call-api')
    await sees(page, /The API answered: ada@example\.com/)
  }

  it(
    'are refused if their session is bound to a key, and the session goes on',
    { timeout: 60_000 },
    async () => {
      const [owner, thief] = [await open('/'), await open('/')]
      await signIn(owner)
      const tokens = await copyFrom(owner)
      await thief.fill('#copy', tokens)
      await thief.click('#use-copy')
      await sees(thief, /Refused the copy: this browser has the tokens, but not the key/)
      expect(await thief.locator('#status').textContent()).toBe('signed out')
      // With a session, and a key, of its own the other browser gets no further.
      await thief.click('.session .sign-in [data-sign-in=bob]')
      await sees(thief, /Signed in as bob@example\.com/)
      await thief.click('#use-copy')
      await sees(thief, /Refused the copy[^]*Signed in as bob@example\.com[^]*Refused the copy/)
      expect(await thief.locator('#member').textContent()).toBe('bob@example.com')
      await callsApi(owner)
      expect(await owner.locator('#log').innerText()).not.toMatch(/Signed out/)
      for (const page of [owner, thief]) await page.context().close()
    },
  )

  it(
    'are taken if their session has no key, beside a bound one in the same browser',
    { timeout: 60_000 },
    async () => {
      const owner = await open('/?key=none')
      await signIn(owner)
      const tokens = await copyFrom(owner)
      const bound = await owner.context().newPage()
      await bound.goto(world.url)
      await signIn(bound)
      const thief = await open('/?key=none')
      await thief.fill('#copy', tokens)
      await thief.click('#use-copy')
      await sees(thief, /The API answered: ada@example\.com[^]*Took the copy: its session has no key/)
      await expect.poll(() => thief.locator('#status').textContent()).toBe('signed in')
      await thief.fill('#copy', await copyFrom(bound))
      await thief.click('#use-copy')
      await sees(thief, /Refused the copy: this browser has the tokens, but not the key/)
      expect(said.filter((line) => !line.startsWith('Failed to load resource'))).toEqual([])
      for (const page of [owner, thief]) await page.context().close()
    },
  )
})
