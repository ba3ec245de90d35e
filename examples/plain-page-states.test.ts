import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { describeInBrowser } from '../packages/client/test/browser/world.js'

const read = (name: string): string => readFileSync(new URL(`./plain-page/${name}`, import.meta.url), 'utf8')

describeInBrowser('the plain page', (world) => {
  it('shows who is signed in, what the API answers, and that the service is away', async () => {
    const here = (text: string): string =>
      text
        .replaceAll('https://www.example.com', world.pages.url)
        .replaceAll('https://auth.example.com', world.service.url)
        .replaceAll('https://api.example.com', `${world.pages.url}/api`)
    world.pages.pages['/plain-page/'] = here(read('index.html'))
    world.pages.pages['/plain-page/members.js'] = here(read('members.js'))
    const page = await world.context.newPage()
    page.on('pageerror', (error) => world.said.push(String(error)))
    await page.goto(`${world.pages.url}/plain-page/`)
    const shown = (selector: string) => page.locator(selector).textContent()
    await expect.poll(() => shown('[data-who]')).toBe('Signed out')
    expect(await page.locator('[data-load]').isVisible()).toBe(false)
    await page.evaluate((pair) => window.Perennial.session?.signIn(pair), world.service.pair())
    expect(await shown('[data-who]')).toBe('Signed in as mem_ada')
    await page.locator('[data-load]').click()
    await expect.poll(() => shown('[data-projects]')).toContain('"userId": "mem_ada"')
    world.service.fault = () => ({ kind: 'reset' })
    await page.evaluate(
      (pair) => window.Perennial.session?.signIn(pair),
      world.service.pair({ ageSeconds: 3600 }),
    )
    await expect.poll(() => shown('[data-who]')).toBe('Signed in as mem_ada (connection lost, trying again)')
    await page.evaluate(() => window.Perennial.session?.signOut())
    expect(await shown('[data-who]')).toBe('Signed out')
  })
})
