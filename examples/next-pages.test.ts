import { describeSite, type SentForm } from './test/site.contract.js'
import type { BrowserContext } from 'playwright-core'
import { expect, it } from 'vitest'
import { signIn, type SiteWorld } from './test/site-world.js'

const cli = 'node_modules/next/dist/bin/next'

/** Sends the form of a server action as a browser does without scripts: React puts the id of the action into a hidden field. */
async function postForm(
  world: SiteWorld,
  context: BrowserContext,
  { name, origin }: SentForm,
): Promise<Response> {
  const page = await (await world.ask(context, '/account')).text()
  const [, action = ''] = /name="(\$ACTION_ID_[0-9a-f]+)"/.exec(page) ?? []
  const body = new FormData()
  body.set(action, '')
  body.set('name', name)
  return await world.ask(context, '/account', {
    method: 'POST',
    body,
    headers: origin === undefined ? {} : { origin },
  })
}

describeSite(
  {
    name: 'next-pages',
    build: [cli, 'build'],
    start: [cli, 'start', '-p', '0', '-H', '127.0.0.1'],
    replacesVary: true,
  },
  postForm,
  (world) => {
    it('gives a route handler its member, whose answer no cache keeps', async () => {
      const visitor = await world().ask(undefined, '/me')
      expect(await visitor.json()).toEqual({ email: null })
      const context = await signedIn(world())
      for (const seconds of [0, 4000]) {
        await world().pass(seconds)
        const answer = await world().ask(context, '/me')
        expect(await answer.json()).toEqual({ email: 'ada@example.com' })
        expect(answer.headers.get('cache-control')).toBe('private, no-store')
        expect(answer.headers.get('vary')).toMatch(/cookie/i)
      }
      await context.close()
    })

    it('lets no cache keep a page that was made at the build, if it comes with a new cookie', async () => {
      const context = await signedIn(world())
      await world().pass(4000)
      const answer = await world().ask(context, '/about')
      expect(answer.headers.getSetCookie()).toHaveLength(2)
      expect(answer.headers.get('cache-control')).toBe('private, no-store')
      expect(await answer.text()).toContain('The same for everybody.')
      await context.close()
    })
  },
)

async function signedIn({ browser, url }: SiteWorld): Promise<BrowserContext> {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(`${url}/`)
  await signIn(page, 'ada@example.com')
  return context
}
