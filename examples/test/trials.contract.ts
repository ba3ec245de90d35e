import { request as send, type IncomingHttpHeaders } from 'node:http'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { hostileCookies } from '../../packages/auth/test/kit/hostile-cookies.js'
import { hasChromium } from '../../packages/client/test/browser/harness.js'
import { hasSite, type SiteExample } from './built-site.js'
import { greetingOf, isHome, signIn, signOut, startSiteWorld, type SiteWorld } from './site-world.js'

const ada = 'ada@example.com'
const bob = 'bob@example.com'

// A busy machine takes long for a browser and a server, and each step waits for what is to come.
vi.setConfig({ testTimeout: 90_000 })

/** An answer, as Node's client has it: with every header that was sent. */
interface RawAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** What the trials of every site use. */
export interface TrialKit {
  readonly world: SiteWorld
  /** Opens a browser of its own, with a member who has signed in on the home page. */
  readonly signedIn: (email?: string) => Promise<{ readonly context: BrowserContext; readonly page: Page }>
  /** Sends a request with this `Cookie` header, whatever is in it. */
  readonly raw: (
    path: string,
    cookie: string,
    headers?: Record<string, string>,
    method?: string,
  ) => Promise<RawAnswer>
  readonly cookieOf: (context: BrowserContext) => Promise<string>
}

/** The trials of every site: at a base path, with a middleware for all paths, with requests that no browser or no member sends. */
export function describeTrials(
  example: SiteExample,
  staticFile: RegExp,
  more: (kit: () => TrialKit) => void = () => {},
): void {
  describe.runIf(hasSite(example) && hasChromium())(`examples/${example.name} at ${example.base}`, () => {
    let world: SiteWorld
    let kit: TrialKit
    beforeAll(async () => {
      world = await startSiteWorld(example)
      kit = createKit(world)
    }, 300_000)
    afterAll(() => world.close())

    it('signs in and out, sends visitors home, and takes a form', async () => {
      const { context, page } = await kit.signedIn()
      await page.getByRole('link', { name: 'Account' }).click()
      await page.waitForURL(`${world.url}/account`)
      await expect.poll(() => greetingOf(page)).toBe(ada)
      await page.fill('input[name=name]', 'Lovelace')
      await page.getByRole('button', { name: 'Save' }).click()
      await page.locator('#name', { hasText: 'Lovelace' }).waitFor()
      await world.pass(4000)
      await page.goto(`${world.url}/account`)
      expect(await greetingOf(page)).toBe(ada)
      const paths = (await context.cookies())
        .filter(({ name }) => name.startsWith('__Host-'))
        .map(({ path }) => path)
      expect(paths).toEqual(['/', '/'])
      await page.getByRole('link', { name: 'Home' }).click()
      await page.waitForURL(isHome(world))
      await signOut(page)
      await page.goto(`${world.url}/account`)
      await page.waitForURL(isHome(world))
      expect(await greetingOf(page)).toBe('Hello visitor')
      await context.close()
    })

    it('shows by Back the page of the member who is signed in now, whoever it was made for', async () => {
      const { context, page } = await kit.signedIn()
      await page.goto(`${world.url}/pro`)
      await page.goto(`${world.url}/account`)
      expect(await greetingOf(page)).toBe(ada)
      // Away from the site: a browser keeps the pages before it whole.
      await page.goto('data:text/html,elsewhere')
      const other = await context.newPage()
      await other.goto(`${world.url}/`)
      await signOut(other)
      await signIn(other, bob)
      for (const [path, greeting] of [
        ['/account', bob],
        ['/pro', 'This page is part of the plan Pro.'],
        ['/', `Hello ${bob}`],
      ] as const) {
        await page.goBack({ waitUntil: 'commit' })
        await page.waitForURL(path === '/' ? isHome(world) : `${world.url}${path}`)
        await expect.poll(() => greetingOf(page), { message: path }).toBe(greeting)
        await expect.poll(async () => (await page.content()).includes(ada), { message: path }).toBe(false)
      }
      await signOut(page)
      await other.getByText('Hello visitor').waitFor()
      await other.goBack({ waitUntil: 'commit' })
      await expect.poll(async () => /@example\.com/.test(await other.content())).toBe(false)
      await context.close()
    })

    it('renews for no static file, and leaves its content as it is', async () => {
      const { context } = await kit.signedIn()
      const cookie = await kit.cookieOf(context)
      const { text } = await kit.raw('/pro', cookie)
      const [script = ''] = staticFile.exec(text) ?? []
      expect(script).toContain(example.base)
      const visitor = await kit.raw(script.slice(example.base?.length), '')
      expect(visitor.status).toBe(200)
      await world.pass(4000)
      for (const headers of [{ 'sec-fetch-dest': 'script' }, {}]) {
        const answer = await kit.raw(script.slice(example.base?.length), cookie, headers)
        expect([answer.status, answer.text, answer.headers]).toEqual([
          200,
          visitor.text,
          { ...visitor.headers, date: expect.any(String) },
        ])
      }
      const logo = await kit.raw('/logo.svg', cookie, { 'sec-fetch-dest': 'image' })
      expect([logo.status, logo.headers['set-cookie']]).toEqual([200, undefined])
      expect(logo.text).toContain('<svg')
      expect(
        (await kit.raw('/pro', cookie, { 'sec-fetch-dest': 'document' })).headers['set-cookie'],
      ).toHaveLength(2)
      await context.close()
    })

    it('keeps the cookies of the app beside its own', async () => {
      const { context } = await kit.signedIn()
      for (const [seconds, ours] of [
        [0, []],
        [4000, ['__Host-perennial', '__Host-perennial-access']],
      ] as const) {
        await world.pass(seconds)
        const { headers, text } = await kit.raw('/trials/cookies', await kit.cookieOf(context))
        expect(text).toContain(ada)
        const names = (headers['set-cookie'] ?? []).map((one) => one.split('=', 1)[0])
        expect(new Set(names)).toEqual(new Set([...ours, 'lang', 'seen', 'theme']))
        expect(names).toHaveLength(ours.length + 3)
      }
      await context.close()
    })

    it('answers HEAD as GET, without a renewal, and never with a failure', async () => {
      const { context } = await kit.signedIn()
      const cookie = await kit.cookieOf(context)
      for (const path of ['/', '/account', '/pro']) {
        const get = await kit.raw(path, cookie)
        const head = await kit.raw(path, cookie, {}, 'HEAD')
        expect([head.status, head.text], path).toEqual([get.status, ''])
      }
      await world.pass(4000)
      for (const path of ['/', '/account', '/pro']) {
        const { status, headers } = await kit.raw(path, cookie, {}, 'HEAD')
        expect(status === 200 || status === 503, `${path} ${status}`).toBe(true)
        expect(headers['set-cookie']).toBeUndefined()
      }
      await context.close()
    })

    it('shows a visitor, or its member, to cookies that no browser sends', async () => {
      const { context } = await kit.signedIn()
      const tokens = new Map((await context.cookies()).map(({ name, value }) => [name, value]))
      const [access = '', refresh = ''] = ['-access', ''].map(
        (name) => tokens.get(`__Host-perennial${name}`) ?? '',
      )
      const shown = (text: string) => [ada, bob].filter((email) => text.includes(email))
      for (const { what, header, isMember } of hostileCookies({ access, refresh }))
        for (const path of ['/', '/account']) {
          const answer = await kit.raw(path, header)
          const isSentHome = path === '/account' && !isMember && answer.status !== 200
          if (!isSentHome)
            expect([answer.status, shown(answer.text)], `${path}: ${what}`).toEqual([
              200,
              isMember ? [ada] : [],
            ])
          else expect([302, 307], `${path}: ${what}`).toContain(answer.status)
          expect(answer.headers['set-cookie'], what).toBeUndefined()
        }
      await context.close()
    })

    it('keeps its member when the browser gives up a page while it comes, with the new cookies or before', async () => {
      const { context } = await kit.signedIn()
      for (const parts of [0, 1, 2]) {
        await world.pass(4000)
        const cookie = await kit.cookieOf(context)
        await giveUp(`${world.url}/trials/slow`, cookie, parts)
      }
      await world.pass(4000)
      const { status, text, headers } = await kit.raw('/trials/slow', await kit.cookieOf(context))
      expect([status, headers['set-cookie']?.length]).toEqual([200, 2])
      for (const waitMs of [0, 500, 1000]) expect(text).toContain(`Part ${waitMs} for ${ada}`)
      await context.close()
    })

    more(() => kit)
  })
}

function createKit(world: SiteWorld): TrialKit {
  return {
    world,
    async signedIn(email = ada) {
      const context = await world.browser.newContext()
      const page = await context.newPage()
      await page.goto(`${world.url}/`)
      await signIn(page, email)
      return { context, page }
    },
    raw: (path, cookie, headers = {}, method = 'GET') =>
      new Promise((resolve, reject) => {
        const address = path === '/' ? world.url : `${world.url}${path}`
        const request = send(address, { method, headers: { ...headers, ...(cookie !== '' && { cookie }) } })
        request.on('error', reject)
        request.on('response', (answer) => {
          let text = ''
          answer.setEncoding('utf8').on('data', (more: string) => (text += more))
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }))
        })
        request.end()
      }),
    cookieOf: async (context) =>
      (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; '),
  }
}

/** Asks for a page, and hangs up when this many parts of it have come. */
async function giveUp(url: string, cookie: string, parts: number): Promise<void> {
  const aborter = new AbortController()
  const answer = await fetch(url, { headers: { cookie }, signal: aborter.signal })
  const reader = answer.body?.getReader()
  for (let part = 0; part < parts; part++) await reader?.read()
  aborter.abort()
}
