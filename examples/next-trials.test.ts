import { expect, it } from 'vitest'
import { greetingOf } from './test/site-world.js'
import { describeTrials } from './test/trials.contract.js'

const cli = 'node_modules/next/dist/bin/next'
const ada = 'ada@example.com'

describeTrials(
  {
    name: 'next-pages',
    trials: 'next-trials',
    base: '/shop',
    build: [cli, 'build'],
    start: [cli, 'start', '-p', '0', '-H', '127.0.0.1'],
  },
  /\/shop\/_next\/static\/[^"]+\.js/,
  (kit) => {
    it.each([
      ['use cache', '/trials/cached'],
      ['use cache: private', '/trials/private'],
      ['unstable_cache', '/trials/unstable'],
    ])('keeps no member with `%s`: Next.js refuses `getMember` there', async (what, path) => {
      const { world, raw, signedIn, cookieOf } = kit()
      const { context, page } = await signedIn()
      const cookie = await cookieOf(context)
      const before = world.site.output().length
      for (const from of [cookie, '', cookie]) {
        const { text, headers } = await raw(path, from)
        expect(text).not.toContain('@example.com')
        expect(headers['cache-control']).toMatch(/private.*no-store/)
      }
      expect(world.site.output().slice(before)).toMatch(
        new RegExp(`connection\\(\\)[^\n]* inside [^\n]*${what}`),
      )
      await page.goto(`${world.url}${path}`)
      expect(await greetingOf(page)).toContain('This page cannot be shown at the moment.')
      await context.close()
    })

    it('writes no failure when its router fetches the page of a member ahead', async () => {
      const { world, signedIn } = kit()
      const before = world.site.output().length
      const { context, page } = await signedIn()
      const ahead = new Set<string>()
      // The router may give the rest of an answer up, so that the request does not finish.
      page.on('response', (response) => {
        const path = /\/(account|pro)\b/.exec(response.url())?.[1]
        if (path && response.ok() && 'next-router-prefetch' in response.request().headers()) ahead.add(path)
      })
      await page.goto(`${world.url}/`)
      // The router fetches the page of a visible link ahead when it is idle, and these at once.
      for (const path of ['/account', '/pro']) await page.evaluate(prefetch, path)
      await expect.poll(() => [...ahead]).toEqual(expect.arrayContaining(['account', 'pro']))
      await page.getByRole('link', { name: 'Account' }).click()
      await expect.poll(() => greetingOf(page)).toBe(ada)
      expect(world.site.output().slice(before)).toBe('')
      await context.close()
    })

    it('renews for no prefetch of the router, by hover neither, and shows the page when it is visited', async () => {
      const { world, signedIn } = kit()
      const { context, page } = await signedIn()
      // What is fetched ahead waits until the token has ended. The page before may still be fetching.
      const held = new WeakSet<object>()
      let release = (): void => {}
      const ended = new Promise<void>((resolve) => (release = resolve))
      await page.route('**', async (route) => {
        if ('next-router-prefetch' in route.request().headers()) {
          held.add(route.request())
          await ended
        }
        await route.continue()
      })
      const ahead: Promise<readonly [number, boolean]>[] = []
      page.on('response', (response) => {
        if (!held.has(response.request())) return
        ahead.push(response.allHeaders().then((headers) => [response.status(), 'set-cookie' in headers]))
      })
      await page.goto(`${world.url}/`)
      await expect.poll(() => greetingOf(page)).toBe(`Hello ${ada}`)
      await world.pass(4000)
      release()
      await page.getByRole('link', { name: 'Account' }).hover()
      await page.evaluate(prefetch, '/trials/action')
      await expect.poll(() => ahead.length).toBeGreaterThan(1)
      for (const [status, setsCookie] of await Promise.all(ahead))
        expect([status, setsCookie]).toEqual([503, false])
      await page.getByRole('link', { name: 'Account' }).click()
      await page.waitForURL(`${world.url}/account`)
      await expect.poll(() => greetingOf(page)).toBe(ada)
      await page.getByRole('link', { name: 'Pro' }).click()
      await expect.poll(() => greetingOf(page)).toBe('This page is part of the plan Pro.')
      await context.close()
    })

    it('keeps its member, and the cookies of the app, when the answer to a server action that redirects is lost', async () => {
      const { world, signedIn } = kit()
      const { context, page } = await signedIn()
      await page.goto(`${world.url}/trials/action`)
      await world.pass(4000)
      world.proxy.fate = ({ method }) => (method === 'POST' ? 'lost' : 'arrives')
      for (let times = 0; times < 2; times++) {
        const { lost } = world.proxy.met
        await page.getByRole('button', { name: 'Choose' }).click()
        await expect.poll(() => world.proxy.met.lost).toBeGreaterThan(lost)
        await world.pass(600)
        await page.goto(`${world.url}/trials/action`)
      }
      world.proxy.fate = () => 'arrives'
      await page.getByRole('button', { name: 'Choose' }).click()
      await page.waitForURL(`${world.url}/account`)
      await expect.poll(() => greetingOf(page)).toBe(ada)
      const cookies = (await context.cookies()).map(
        ({ name, value }) => `${name}=${decodeURIComponent(value)}`,
      )
      expect(cookies).toEqual(expect.arrayContaining(['theme=dark', `lang=${ada}`]))
      await context.close()
    })
  },
)

declare global {
  interface Window {
    /** The router of Next.js. */
    readonly next: { readonly router: { prefetch(path: string): void } }
  }
}

const prefetch = (path: string): void => window.next.router.prefetch(path)
