import { readConfig, startService, type Service } from '@perennial/server'
import type { Emulator } from '@perennial/emulator'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  eventsOf,
  hasChromium,
  launchBrowser,
  openPage,
  startPageServer,
  waitForEvent,
  type PageServer,
} from './harness.js'

describe.runIf(hasChromium()).each([
  { DPOP: 'refresh', DPOP_REQUIRED: 'off' },
  { DPOP: 'all', DPOP_REQUIRED: 'on' },
] as const)('a bound session and the real service, DPOP=$DPOP, DPOP_REQUIRED=$DPOP_REQUIRED', (settings) => {
  let browser: Browser
  let pages: PageServer
  let service: Service
  let emulator: Emulator
  let context: BrowserContext
  /** The number of calls of each route, and those refused, since the test began. */
  let calls: Record<string, number>
  const said: string[] = []

  /** The difference of the pages' clocks from the service's, in milliseconds. */
  let aheadMs: number
  /** Opens the session of a page; `withKey`: with proofs. */
  const open = (page: Page, withKey = true): Promise<unknown> =>
    page.evaluate(
      ([serviceUrl, withKey, aheadMs]) => {
        Date.now = () => performance.timeOrigin + performance.now() + aheadMs
        window.events = []
        const proof = withKey ? window.dpop() : undefined
        window.session = window.client.createSession({ serviceUrl, proof })
        window.session.onChange((state, event) => window.events.push({ event, state }))
      },
      [service.url, withKey, aheadMs] as const,
    )
  const watch = (watched: BrowserContext): void =>
    void watched.on('response', (response) => {
      const { pathname } = new URL(response.url())
      const route = `${response.request().method()} ${pathname}`
      for (const name of [route, `${route} ${response.status()}`]) calls[name] = (calls[name] ?? 0) + 1
    })
  const openTab = async (withKey = true, within = context): Promise<Page> => {
    const page = await openPage(within, pages.url, said)
    await open(page, withKey)
    return page
  }
  const signIn = async (page: Page): Promise<string> =>
    page.evaluate(
      (jwt) =>
        window.session.signIn(jwt).then(
          ({ status }) => status,
          ({ code }) => code,
        ),
      (await emulator.issueTokens()).accessToken,
    )
  const callMe = (page: Page): Promise<number> =>
    page.evaluate(async (url) => (await window.session.fetch(`${url}/v1/auth/me?x=1`)).status, service.url)
  /** Sets the page's clock ahead, and refreshes. Returns true if there is a token then. */
  const refresh = (page: Page): Promise<boolean> => {
    aheadMs += 20_000
    return page.evaluate(async (aheadMs) => {
      Date.now = () => performance.timeOrigin + performance.now() + aheadMs
      return (await window.session.getAccessToken({ forceRefresh: true })) !== null
    }, aheadMs)
  }
  const stateOf = (page: Page): Promise<unknown> =>
    page.evaluate(() => [window.session.state.status, window.session.state.error?.code])

  beforeAll(async () => {
    browser = await launchBrowser()
    pages = await startPageServer()
    const fixed = { PORT: '0', EMULATOR_PORT: '0', STORE_URL: 'memory:', LOG_LEVEL: 'silent' }
    const env = { ...fixed, ...settings, CORS_ORIGIN: pages.url, RATE_LIMIT_SESSION_PER_MINUTE: '100' }
    service = await startService(readConfig(env, { readTextFile: () => '' }))
    if (!service.emulator) throw new Error('the emulator was not started')
    ;({ emulator } = service)
  }, 60_000)
  afterAll(async () => {
    await browser.close()
    await service.close()
    await pages.close()
  })
  beforeEach(async () => {
    context = await browser.newContext()
    calls = {}
    aheadMs = 0
    watch(context)
  })
  afterEach(async () => {
    await context.close()
    expect(said.filter((line) => !line.startsWith('Failed to load resource'))).toEqual([])
    said.length = 0
  })

  it('signs in, calls, refreshes, lists and signs out', async () => {
    const page = await openTab()
    expect(await signIn(page)).toBe('signed-in')
    expect(await callMe(page)).toBe(200)
    expect(await refresh(page)).toBe(true)
    await page.reload()
    await page.waitForFunction(() => 'client' in window)
    await open(page)
    expect(await callMe(page)).toBe(200)
    const others = await page.evaluate(async () =>
      (await window.session.listSessions()).filter(({ current }) => current),
    )
    expect(others).toHaveLength(1)
    const token = await page.evaluate(() => window.session.getAccessToken())
    // Under DPOP=all the token alone is worth nothing.
    const bearer = await fetch(`${service.url}/v1/auth/me`, { headers: { authorization: `Bearer ${token}` } })
    expect(bearer.status).toBe(settings.DPOP === 'all' ? 401 : 200)
    await page.evaluate(() => window.session.signOut())
    const ended = await fetch(`${service.url}/v1/auth/me`, { headers: { authorization: `Bearer ${token}` } })
    const { code } = await ended.json()
    expect(code).toBe(settings.DPOP === 'all' ? 'AUTH_PROOF_INVALID' : 'AUTH_TOKEN_REVOKED')
    expect(calls['DELETE /v1/auth/session 204']).toBe(1)
    expect(Object.keys(calls).filter((name) => name.endsWith(' 401'))).toEqual([])
  })

  it('is worth nothing in another browser with copied tokens, and lives on in its own', async () => {
    const page = await openTab()
    expect(await signIn(page)).toBe('signed-in')
    const record = await page.evaluate(() => JSON.parse(localStorage.getItem('perennial') ?? '{}'))
    // Newer than any record of the browser that it is copied to.
    const stored = JSON.stringify({ ...record, seq: record.seq + 3.6e9 })
    const { refreshToken } = record
    for (const hasKeyOfItsOwn of [true, false]) {
      const elsewhere = await browser.newContext()
      watch(elsewhere)
      const thief = await openTab(hasKeyOfItsOwn, elsewhere)
      if (hasKeyOfItsOwn) expect(await signIn(thief)).toBe('signed-in')
      await thief.evaluate((stored) => localStorage.setItem('perennial', stored), stored)
      await thief.reload()
      await thief.waitForFunction(() => 'client' in window)
      await open(thief, hasKeyOfItsOwn)
      calls = {}
      expect(await refresh(thief)).toBe(false)
      expect(await stateOf(thief)).toEqual(['signed-out', 'AUTH_PROOF_INVALID'])
      // A refused proof is sent once more, and never again.
      expect(calls['POST /v1/auth/refresh-token']).toBe(hasKeyOfItsOwn ? 2 : 1)
      await elsewhere.close()
    }
    const ended = await fetch(`${service.url}/v1/auth/session`, {
      method: 'DELETE',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ refreshToken }),
    })
    expect([ended.status, (await ended.json()).code]).toEqual([401, 'AUTH_PROOF_INVALID'])
    expect(await callMe(page)).toBe(200)
    expect(await refresh(page)).toBe(true)
    expect(await callMe(page)).toBe(200)
    expect(await eventsOf(page)).toEqual(['signed-in', 'refreshed'])
  })

  it(
    'makes one rotation of 50 calls in each of 5 tabs whose clocks have jumped',
    { timeout: 60_000 },
    async () => {
      const page = await openTab()
      expect(await signIn(page)).toBe('signed-in')
      const tabs = [page, await openTab(), await openTab(), await openTab(), await openTab()]
      for (const tab of tabs) expect(await callMe(tab)).toBe(200)
      for (const tab of tabs)
        await tab.evaluate(() => {
          const now = Date.now.bind(Date)
          Date.now = () => now() + 3_700_000
        })
      calls = {}
      const answers = await Promise.all(
        tabs.map((tab) =>
          tab.evaluate(async (url) => {
            const all = Array.from({ length: 50 }, () => window.session.fetch(`${url}/v1/auth/me`))
            return Promise.all(all.map(async (answer) => (await answer).status))
          }, service.url),
        ),
      )
      expect(new Set(answers.flat())).toEqual(new Set([200]))
      expect(calls['POST /v1/auth/refresh-token 200']).toBe(1)
      // The first proof had the time of the wrong clock.
      expect(calls['POST /v1/auth/refresh-token']).toBeLessThanOrEqual(2)
      for (const tab of tabs) expect(await eventsOf(tab)).not.toContain('signed-out')
    },
  )

  it('is not bound, or is refused with the code, if the browser has no place for a key', async () => {
    await context.addInitScript(() => Object.defineProperty(window, 'indexedDB', { value: undefined }))
    const page = await openTab()
    const isRequired = settings.DPOP_REQUIRED === 'on'
    expect(await signIn(page)).toBe(isRequired ? 'AUTH_PROOF_INVALID' : 'signed-in')
    expect(calls['POST /v1/auth/session']).toBe(1)
    expect(await refresh(page)).toBe(!isRequired)
    expect(await stateOf(page)).toEqual([isRequired ? 'signed-out' : 'signed-in', undefined])
    if (!isRequired) expect(await callMe(page)).toBe(200)
  })

  it('signs out with the code if the key is lost, and the member can sign in again', async () => {
    const page = await openTab()
    expect(await signIn(page)).toBe('signed-in')
    await page.evaluate(
      () =>
        new Promise((resolve) => {
          indexedDB.deleteDatabase('perennial-proof-keys').onsuccess = resolve
        }),
    )
    await page.reload()
    await page.waitForFunction(() => 'client' in window)
    await open(page)
    expect(await refresh(page)).toBe(false)
    await waitForEvent(page, 'signed-out')
    expect(await stateOf(page)).toEqual(['signed-out', 'AUTH_PROOF_INVALID'])
    expect(await signIn(page)).toBe('signed-in')
    expect(await refresh(page)).toBe(true)
    expect(await callMe(page)).toBe(200)
  })
})
