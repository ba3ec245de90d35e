import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig, startService, type Service } from '@perennial/server'
import type { Emulator } from '@perennial/emulator'
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
import { bundleRealSdk } from './real-sdk.js'

const ada = { email: 'ada@example.com', password: 'perennial-demo' }
const pageLoads = process.env['PERENNIAL_LONG'] ? 300 : 60
const all = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)

describe.runIf(hasChromium()).each(['body', 'cookie'] as const)(
  'the client and the real service, with the %s transport',
  (transport) => {
    let browser: Browser
    let pages: PageServer
    let folder: string
    let service: Service
    let emulator: Emulator
    let context: BrowserContext
    /** The number of calls of each route since the test began. */
    let calls: Record<string, number>
    /** True while the service cannot be reached. */
    let away: boolean
    const said: string[] = []

    const options = (): Parameters<typeof openSession>[1] => ({
      serviceUrl: service.url,
      storage: transport === 'cookie' ? 'cookie' : 'localStorage',
    })
    const openTab = async (): Promise<Page> => {
      const page = await openPage(context, pages.url, said)
      await openSession(page, options())
      return page
    }
    const openTabs = async (count: number): Promise<Page[]> => {
      const tabs: Page[] = []
      for (let i = 0; i < count; i++) tabs.push(await openTab())
      return tabs
    }
    const signedIn = async (): Promise<Page> => {
      const page = await openTab()
      const { accessToken } = await emulator.issueTokens()
      await page.evaluate((jwt) => window.session.signIn(jwt), accessToken)
      return page
    }
    const status = (page: Page) => page.evaluate(() => window.session.state.status)
    const callMe = (page: Page) =>
      page.evaluate(async (url) => (await window.session.fetch(`${url}/v1/auth/me`)).status, service.url)

    beforeAll(async () => {
      browser = await launchBrowser()
      pages = await startPageServer()
      folder = await mkdtemp(join(tmpdir(), 'perennial-client-'))
      service = await startService(
        readConfig(
          {
            PORT: '0',
            EMULATOR_PORT: '0',
            STORE_URL: `sqlite:${join(folder, 'perennial.db')}`,
            CORS_ORIGIN: pages.url,
            REFRESH_TOKEN_TRANSPORT: transport,
            LOG_LEVEL: 'silent',
          },
          { readTextFile: () => '' },
        ),
      )
      if (!service.emulator) throw new Error('the emulator was not started')
      ;({ emulator } = service)
    }, 60_000)
    afterAll(async () => {
      await browser.close()
      await service.close()
      await pages.close()
      await rm(folder, { recursive: true, force: true })
    })
    beforeEach(async () => {
      context = await browser.newContext()
      calls = {}
      away = false
      await context.route(`${service.url}/**`, async (route) => {
        const name = `${route.request().method()} ${new URL(route.request().url()).pathname}`
        calls[name] = (calls[name] ?? 0) + 1
        await (away ? route.abort('connectionreset') : route.continue())
      })
    })
    afterEach(async () => {
      await context.close()
      expect(said.filter((line) => !/^Failed to load resource|blocked by CORS/.test(line))).toEqual([])
      said.length = 0
    })

    it('signs a member in, and stores the refresh token only where the transport says', async () => {
      const page = await signedIn()
      expect(await callMe(page)).toBe(200)
      expect(await page.evaluate(() => window.session.state.userId)).toBe('mem_ada')
      const stored = await page.evaluate(() => JSON.stringify(localStorage))
      const cookies = await context.cookies(service.url)
      if (transport === 'cookie') {
        expect(stored).not.toMatch(/"ey|refreshToken|accessToken/)
        expect(cookies).toMatchObject([
          { name: '__Host-perennial', httpOnly: true, secure: true, sameSite: 'Strict', path: '/' },
        ])
      } else {
        expect(stored).toContain('refreshToken')
        expect(cookies).toEqual([])
      }
      const again = await openTab()
      expect(await callMe(again)).toBe(200)
      expect(calls['POST /v1/auth/session']).toBe(1)
    })

    it.runIf(transport === 'cookie')(
      `loads ${pageLoads} pages in a row signed in, without a rotation and without a call of Memberstack`,
      { timeout: 2_000 * pageLoads },
      async () => {
        const page = await signedIn()
        const [cookie] = await context.cookies(service.url)
        const asked = JSON.stringify(emulator.calls())
        calls = {}
        for (let load = 0; load < pageLoads; load += 1) {
          await page.reload()
          await page.waitForFunction(() => 'client' in window)
          await openSession(page, options())
          expect([load, await callMe(page)]).toEqual([load, 200])
          expect(await status(page)).toBe('signed-in')
        }
        expect(calls['POST /v1/auth/refresh-token']).toBe(pageLoads)
        expect((await context.cookies(service.url))[0]?.value).toBe(cookie?.value)
        expect(JSON.stringify(emulator.calls())).toBe(asked)
      },
    )

    it.runIf(transport === 'cookie')(
      'shows a visitor as signed out, and no failed request in the console',
      async () => {
        const page = await openTab()
        await waitForEvent(page, 'signed-out')
        expect(await page.evaluate(() => window.session.state.error)).toBeNull()
        expect(calls['POST /v1/auth/refresh-token']).toBe(1)
        expect(said).toEqual([])
      },
    )

    it(
      'makes one rotation of 50 calls in each of 5 tabs whose token has ended',
      { timeout: 60_000 },
      async () => {
        const page = await signedIn()
        const tabs = [page, ...(await openTabs(4))]
        for (const tab of tabs) await expect.poll(() => status(tab)).toBe('signed-in')
        await expect
          .poll(async () => (await Promise.all(tabs.map(callMe))).join())
          .toBe('200,200,200,200,200')
        // The clocks of all tabs jump past the expiry at once, as when a laptop wakes.
        for (const tab of tabs)
          await tab.evaluate(() => {
            const now = Date.now.bind(Date)
            Date.now = () => now() + 3_700_000
          })
        calls = {}
        const statuses = await Promise.all(
          tabs.map((tab) =>
            tab.evaluate(async (url) => {
              const answers = Array.from({ length: 50 }, () => window.session.fetch(`${url}/v1/auth/me`))
              return Promise.all(answers.map(async (answer) => (await answer).status))
            }, service.url),
          ),
        )
        expect(statuses.flat()).toEqual(all(250, 200))
        expect(calls['POST /v1/auth/refresh-token']).toBe(1)
        for (const tab of tabs) expect(await status(tab)).toBe('signed-in')
      },
    )

    it('signs out in every tab if the session was revoked elsewhere, and state.error has the code', async () => {
      const page = await signedIn()
      const other = await openTab()
      await expect.poll(() => status(other)).toBe('signed-in')
      // Another device of the member ends the session of this one.
      const elsewhere = async (method: string, path: string, token: string) =>
        fetch(`${service.url}/v1/auth${path}`, {
          method,
          headers: { authorization: `Bearer ${token}`, origin: pages.url, 'x-csrf': '1' },
        })
      const { accessToken: jwt } = await emulator.issueTokens()
      const { accessToken } = await (await elsewhere('POST', '/session', jwt)).json()
      const mine = await page.evaluate(
        async (url) => (await window.session.fetch(`${url}/v1/auth/sessions`)).json(),
        service.url,
      )
      const { id } = mine.sessions.find(({ current }: { current: boolean }) => current)
      expect((await elsewhere('DELETE', `/sessions/${id}`, accessToken)).status).toBe(204)
      expect(await callMe(page)).toBe(401)
      for (const tab of [page, other]) {
        await waitForEvent(tab, 'signed-out')
        expect(await tab.evaluate(() => window.session.state.error?.code)).toBe('AUTH_TOKEN_REFRESH_FAILED')
      }
      expect((await elsewhere('GET', '/me', accessToken)).status).toBe(200)
    })

    it('signs a member out everywhere, as the README says', async () => {
      // Its own member, because sign-ins of the same second are refused afterwards.
      const { id } = emulator.createMember({ email: `${transport}@example.com` })
      const { accessToken: jwt } = await emulator.issueTokens({ memberId: id })
      const page = await openTab()
      await page.evaluate((jwt) => window.session.signIn(jwt), jwt)
      const headers = { authorization: `Bearer ${jwt}`, origin: pages.url, 'x-csrf': '1' }
      const opened = await fetch(`${service.url}/v1/auth/session`, { method: 'POST', headers })
      const { accessToken } = await opened.json()
      const ended = await page.evaluate(async () => {
        const { email } = window.session.state.user ?? {}
        const sessions = await window.session.listSessions()
        await window.session.signOutEverywhere()
        return [email, sessions.length, window.session.state.status, window.session.state.error]
      })
      expect(ended).toEqual([`${transport}@example.com`, 2, 'signed-out', null])
      const elsewhere = await fetch(`${service.url}/v1/auth/me`, {
        headers: { authorization: `Bearer ${accessToken}` },
      })
      expect(await elsewhere.json()).toMatchObject({ code: 'AUTH_TOKEN_REVOKED' })
    })

    it(
      'stays signed in through an outage, and refreshes by itself afterwards',
      { timeout: 60_000 },
      async () => {
        const page = await signedIn()
        const other = await openTab()
        await expect.poll(() => status(other)).toBe('signed-in')
        for (const tab of [page, other]) await tab.evaluate(() => void (window.events = []))
        away = true
        await page.evaluate(() => {
          const now = Date.now.bind(Date)
          Date.now = () => now() + 3_700_000
          void window.session.getAccessToken().catch(() => null)
        })
        await waitForEvent(page, 'stale')
        expect(await status(page)).toBe('signed-in')
        away = false
        await waitForEvent(page, 'refreshed')
        expect(await callMe(page)).toBe(200)
        expect(await callMe(other)).toBe(200)
        for (const tab of [page, other]) expect(await eventsOf(tab)).not.toContain('signed-out')
      },
    )

    it('follows the real @memberstack/dom in and out', { timeout: 60_000 }, async () => {
      const script = await bundleRealSdk()
      const open = async (): Promise<Page> => {
        const page = await openPage(context, pages.url, said)
        await page.addScriptTag({ content: script })
        await page.evaluate(
          ({ options, publicKey, domain }) => {
            window.openSdk(publicKey, domain)
            window.events = []
            window.session = window.client.createSession({ ...options, memberstack: window.sdk })
            window.session.onChange((state, event) => window.events.push({ event, state }))
          },
          { options: options(), publicKey: emulator.publicKey, domain: emulator.url },
        )
        return page
      }
      const page = await open()
      const other = await open()
      await page.evaluate((ada) => window.sdk.loginMemberEmailPassword(ada), ada)
      for (const tab of [page, other]) {
        await waitForEvent(tab, 'signed-in')
        expect(await callMe(tab)).toBe(200)
      }
      expect(calls['POST /v1/auth/session']).toBe(1)
      await other.evaluate(() => window.sdk.logout())
      for (const tab of [page, other]) await expect.poll(() => status(tab)).toBe('signed-out')
    })
  },
)
