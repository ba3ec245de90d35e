import type { BrowserContext } from 'playwright-core'
import { expect, it } from 'vitest'
import { describeSite, type SentForm } from './test/site.contract.js'
import type { SiteWorld } from './test/site-world.js'

/** Sends the form of an action as a browser does without scripts. */
async function postForm(
  world: SiteWorld,
  context: BrowserContext,
  { name, origin }: SentForm,
): Promise<Response> {
  const body = new FormData()
  body.set('name', name)
  return await world.ask(context, '/account?_action=saveName', {
    method: 'POST',
    body,
    headers: origin === undefined ? {} : { origin },
  })
}

describeSite(
  {
    name: 'astro-pages',
    build: ['node_modules/astro/bin/astro.mjs', 'build'],
    start: ['dist/server/entry.mjs'],
    env: { HOST: '127.0.0.1', PORT: '0' },
  },
  postForm,
  (world) => {
    it('knows no member in a page that was made at the build', async () => {
      const about = await (await world().ask(undefined, '/about')).text()
      expect(about).toContain('The same for everybody.')
    })
  },
)
