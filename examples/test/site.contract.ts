import process from 'node:process'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { PageBrowser } from '../../packages/auth/test/kit/page-browser.js'
import { hasRedis, startRedis } from '../../packages/auth/test/kit/redis.js'
import { hasChromium } from '../../packages/client/test/browser/harness.js'
import { hasSite, installCommand, type SiteExample } from './built-site.js'
import { freeze } from './frozen-site.js'
import { visitFrozen } from './frozen-visits.js'
import { navigate } from './random-visits.js'
import { greetingOf, isHome, signIn, signOut, startSiteWorld, type SiteWorld } from './site-world.js'

const ada = 'ada@example.com'
const bob = 'bob@example.com'
const ours = ['__Host-perennial', '__Host-perennial-access']

const frozenRequests = process.env['PERENNIAL_LONG'] ? 1_000 : 60

// A busy machine takes long for a browser and a server, and each step waits for what is to come.
vi.setConfig({ testTimeout: 180_000 })

/** Returns the names of the cookies that an answer sets. */
const cookiesSetBy = ({ headers }: Response) =>
  headers.getSetCookie().map((cookie) => cookie.split('=', 1)[0])

/** The tests of every site that renders pages for members. `postForm` sends the form of `/account` as a browser does without scripts. */
export function describeSite(
  example: SiteExample,
  postForm: (world: SiteWorld, context: BrowserContext, form: SentForm) => Promise<Response>,
  more: (world: () => SiteWorld) => void = () => {},
): void {
  const isInstalled = hasSite(example)
  it.runIf(process.env['CI'])(`examples/${example.name} is installed where everything is tested`, () => {
    expect(isInstalled, installCommand(example.name)).toBe(true)
  })

  describe.runIf(isInstalled && hasChromium())(`examples/${example.name}`, () => {
    let world: SiteWorld
    beforeAll(async () => {
      world = await startSiteWorld(example)
    }, 300_000)
    afterAll(() => world.close())

    /** Opens a page. A visit that is still under way, such as the repetition of a form, can interrupt this one. */
    const open = async (page: Page, path: string) => {
      const visit = () => page.goto(`${world.url}${path}`)
      await visit().catch(async (error: unknown) => {
        if (!String(error).includes('interrupted by another navigation')) throw error
        await page.waitForLoadState()
        await visit()
      })
      return await greetingOf(page)
    }
    const expectGreeting = async (page: Page, greeting: string) =>
      await expect.poll(() => greetingOf(page)).toBe(greeting)
    const newVisit = async (email?: string) => {
      const context = await world.browser.newContext()
      const page = await context.newPage()
      await open(page, '/')
      if (email !== undefined) await signIn(page, email)
      return { context, page }
    }

    it('shows its member after a sign-in, nobody after a sign-out, and never another member, by Back neither', async () => {
      const { context, page } = await newVisit()
      expect(await greetingOf(page)).toBe('Hello visitor')
      await page.goto(`${world.url}/account`)
      await page.waitForURL(isHome(world))
      for (const [member, other] of [
        [ada, bob],
        [bob, ada],
      ] as const) {
        await signIn(page, member)
        expect(await greetingOf(page)).toBe(`Hello ${member}`)
        await page.getByRole('link', { name: 'Account' }).click()
        await page.waitForURL('**/account')
        await expectGreeting(page, member)
        await page.getByRole('link', { name: 'Pro' }).click()
        await page.waitForURL('**/pro')
        await expectGreeting(page, 'This page is part of the plan Pro.')
        await page.goBack()
        await expectGreeting(page, member)
        expect(await page.content()).not.toContain(other)
        await page.getByRole('link', { name: 'Home' }).click()
        await page.waitForURL(isHome(world))
        await signOut(page)
        for (let back = 0; back < 3; back++) {
          await page.goBack()
          // A redirect replaces an entry of the history, so that it can have fewer.
          if (back > 1 && page.url() === 'about:blank') break
          await page.waitForFunction(() => document.querySelector('#sign-in:not([hidden])') !== null)
          expect(await page.content()).not.toContain('@example.com')
        }
        expect(await open(page, '/')).toBe('Hello visitor')
      }
      await context.close()
    })

    it('becomes the page of a visitor, however late a sign-out reaches the service', async () => {
      const { context, page } = await newVisit(ada)
      let arrive = (): void => {}
      const arrival = new Promise<void>((resolve) => (arrive = resolve))
      let loads = 0
      world.proxy.before = ({ method, headers }) => {
        if (headers['sec-fetch-dest'] === 'document') loads += 1
        return method === 'DELETE' ? arrival : undefined
      }
      await page.locator('#status:visible button').click()
      await expect.poll(() => loads, { timeout: 60_000 }).toBeGreaterThan(2)
      expect(await greetingOf(page)).toBe(`Hello ${ada}`)
      arrive()
      await page.getByText('Hello visitor').waitFor()
      world.proxy.before = () => {}
      await context.close()
    })

    it('shows the page of a plan to those who have it', async () => {
      const { context, page } = await newVisit(ada)
      world.emulator.addPlan(ada, 'pln_pro')
      // The member is read again at the next renewal.
      await world.pass(3400)
      expect(await open(page, '/pro')).toBe(`Everything, ${ada}`)
      world.emulator.removePlan(ada, 'pln_pro')
      await world.pass(3400)
      expect(await open(page, '/pro')).toBe('This page is part of the plan Pro.')
      await context.close()
    })

    it('renews for a visit, in the same request, and for nothing else', async () => {
      const { context } = await newVisit(ada)
      expect(cookiesSetBy(await world.ask(context, '/account'))).toEqual([])
      await world.pass(4000)
      const prefetches = [
        { 'next-router-prefetch': '1', rsc: '1' },
        { 'sec-purpose': 'prefetch' },
        { 'sec-purpose': 'prefetch;prerender' },
        { purpose: 'prefetch' },
      ]
      for (const headers of prefetches) {
        const answer = await world.ask(context, '/account', { headers })
        expect([answer.status, cookiesSetBy(answer)], JSON.stringify(headers)).toEqual([503, []])
      }
      for (const method of ['HEAD', 'OPTIONS'])
        expect(cookiesSetBy(await world.ask(context, '/account', { method }))).toEqual([])
      const visit = await world.ask(context, '/account')
      expect([visit.status, cookiesSetBy(visit)]).toEqual([200, ours])
      expect(await visit.text()).toContain(ada)
      await context.close()
    })

    it('lets no cache keep the page of a member, nor a page that comes with a new cookie', async () => {
      const { context } = await newVisit(ada)
      for (const seconds of [0, 4000])
        for (const path of ['/', '/account', '/pro']) {
          if (seconds > 0) await world.pass(seconds)
          const { headers } = await world.ask(context, path)
          expect(headers.get('cache-control')).toMatch(/private.*no-store/)
          if (!example.replacesVary) expect(headers.get('vary')).toMatch(/cookie/i)
        }
      const visitor = await world.ask(undefined, '/')
      if (!example.replacesVary) expect(visitor.headers.get('vary')).toMatch(/cookie/i)
      await context.close()
    })

    it('takes a form from its own pages only, and renews for it', async () => {
      const { context } = await newVisit(ada)
      const nameIs = async (name: string) =>
        (await (await world.ask(context, '/account')).text()).includes(`<p id="name">${name}</p>`)
      await world.pass(4000)
      const renewed = await postForm(world, context, { name: 'Countess', origin: world.proxy.url })
      expect(cookiesSetBy(renewed)).toEqual(ours)
      expect(await nameIs('Countess')).toBe(true)
      for (const origin of ['https://evil.example', 'null', undefined]) {
        const refused = await postForm(world, context, { name: 'Mallory', origin })
        expect(cookiesSetBy(refused)).toEqual([])
        expect(await nameIs('Mallory'), String(origin)).toBe(false)
      }
      await context.close()
    })

    it('keeps its member when the answer to a form is lost, also after the grace', async () => {
      const { context, page } = await newVisit(ada)
      await open(page, '/account')
      await world.pass(4000)
      world.proxy.fate = ({ method }) => (method === 'POST' ? 'lost' : 'arrives')
      const { lost } = world.proxy.met
      await page.fill('input[name=name]', 'Lovelace')
      await page.getByRole('button', { name: 'Save' }).click()
      await expect.poll(() => world.proxy.met.lost).toBeGreaterThan(lost)
      world.proxy.fate = () => 'arrives'
      await world.pass(600)
      expect(await open(page, '/account')).toBe(ada)
      await context.close()
    })

    it('is signed in while Memberstack is away and the token is good, asks to try again after that, and never to sign in', async () => {
      const { context, page } = await newVisit(ada)
      world.emulator.setFault({ route: 'GET /members/:idOrEmail', status: 503, times: 1e6 })
      await world.pass(3200)
      expect(await open(page, '/account')).toBe(ada)
      // Longer than the last answer of Memberstack serves.
      await world.pass(4000)
      for (let minutes = 0; minutes < 10; minutes += 2) {
        const answer = await world.ask(context, '/account')
        expect([answer.status, cookiesSetBy(answer)]).toEqual([503, []])
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
        expect(await answer.text()).not.toContain('sign-in')
        await world.pass(120)
      }
      world.emulator.clearFaults()
      expect(await open(page, '/account')).toBe(ada)
      await context.close()
    })

    const visits = process.env['PERENNIAL_LONG'] ? 1_000 : 20
    it(
      `signs nobody out and mixes nobody up in ${visits} random visits by two tabs`,
      { timeout: 120_000 + visits * 4_000 },
      async () => {
        const { context, page } = await newVisit(ada)
        const tabs = [page, await context.newPage()] as const
        const summary = await navigate(world, tabs, visits)
        process.stdout.write(`examples/${example.name}: ${JSON.stringify(summary)}\n`)
        expect(summary).toMatchObject({ visits, logouts: 0, strangers: 0 })
        for (const what of ['lost', 'cut', 'aborted', 'prefetched', 'switches'] as const)
          expect(summary[what], what).toBeGreaterThan(0)
        await context.close()
      },
    )

    it(
      `knows its members in ${frozenRequests} random requests to two processes that are frozen after each answer`,
      { timeout: 120_000 + frozenRequests * 1_000 },
      async () => {
        // So a platform of functions says what it is.
        const start = () => world.startAnother({ AWS_LAMBDA_FUNCTION_NAME: 'site' })
        const sites = await Promise.all([start().then(freeze), start().then(freeze)])
        onTestFinished(async () => void (await Promise.all(sites.map((site) => site.close()))))
        const seen = await visitFrozen({
          sites,
          requests: frozenRequests,
          pass: async (seconds) => {
            await world.pass(seconds)
            return world.aheadSeconds
          },
          issueMemberToken: async (memberId) => (await world.emulator.issueTokens({ memberId })).accessToken,
        })
        process.stdout.write(`examples/${example.name}, frozen: ${JSON.stringify(seen)}\n`)
        expect(seen.wrong).toEqual([])
        for (const what of ['members', 'visitors', 'lost', 'prefetched', 'signOuts', 'copies'] as const)
          expect(seen[what], what).toBeGreaterThan(0)
      },
    )

    it.runIf(hasRedis())(
      'is signed in while its store is away and the token is good, asks to try again after that, and never to sign in',
      async () => {
        const redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'always')
        onTestFinished(() => redis.remove())
        const site = await world.startAnother({ STORE_URL: redis.url })
        onTestFinished(() => site.stop())
        await site.setClock(world.aheadSeconds)
        const browser = new PageBrowser()
        const open = async () => {
          const { headers } = browser.request('/')
          const answer = await fetch(`${site.url}${example.base ?? ''}/account`, {
            redirect: 'manual',
            headers,
          })
          return { status: answer.status, headers: answer.headers, text: await answer.text() }
        }
        const { accessToken } = await world.emulator.issueTokens()
        const { method, headers } = browser.signInRequest(accessToken)
        headers.set('origin', site.url)
        browser.take(await fetch(`${site.url}${example.base ?? ''}/v1/auth/session`, { method, headers }))
        expect(await open()).toMatchObject({ status: 200, text: expect.stringContaining(ada) })
        await redis.kill()
        await site.setClock(world.aheadSeconds + 3_200)
        for (let times = 0; times < 3; times++) {
          const { status, headers, text } = await open()
          expect([status, headers.getSetCookie()]).toEqual([200, []])
          expect(text).toContain(ada)
        }
        await site.setClock(world.aheadSeconds + 3_700)
        for (let times = 0; times < 3; times++) {
          const { status, headers, text } = await open()
          expect([status, headers.getSetCookie()]).toEqual([503, []])
          expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
          expect(text).not.toContain('sign-in')
        }
        await redis.start()
        await expect.poll(async () => (await open()).text).toContain(ada)
      },
    )

    more(() => world)
  })
}

/** The form of `/account` as it is sent. */
export interface SentForm {
  readonly name: string
  readonly origin: string | undefined
}
