import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { hasChromium, launchBrowser } from '../../client/test/browser/harness.js'
import { makeFolder, startProcess, type ServiceProcess } from './service-process.js'

let folder: ReturnType<typeof makeFolder>
let service: ServiceProcess
let url: string

async function start(env: Record<string, string> = {}): Promise<string> {
  folder = makeFolder()
  service = startProcess(folder.path, env)
  const [, address = ''] = await service.waitFor(/the demo page {7}(http:\S+)\//)
  return address
}

async function stop(): Promise<void> {
  service.child.kill('SIGTERM')
  await service.ended()
  folder.remove()
}

const post = (path: string, headers: Record<string, string> = { origin: url }) =>
  fetch(url + path, { method: 'POST', headers })

describe('the demo page', () => {
  beforeAll(async () => void (url = await start()))
  afterAll(stop)

  it('is at the bare address, runs its own scripts only, and loads nothing from elsewhere', async () => {
    const answer = await fetch(url)
    const html = await answer.text()
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(answer.headers.get('content-security-policy')).toBe(
      "default-src 'none';script-src 'self';style-src 'self';img-src 'self';connect-src 'self';" +
        "base-uri 'none';form-action 'none';frame-ancestors 'none';require-trusted-types-for 'script'",
    )
    expect(html).not.toMatch(/<style|<script(?! [^>]*src="\/demo\/)|\son\w+=|\sstyle=|https?:\/\//)
  })

  it('has every file it names, and every module those import', async () => {
    const html = await (await fetch(url)).text()
    const found = [...html.matchAll(/(?:src|href)="(\/demo\/[^"]+)"/g)].map(([, path = '']) => path)
    for (const path of found) {
      const answer = await fetch(url + path)
      expect([path, answer.status]).toEqual([path, 200])
      for (const [, name] of (await answer.text()).matchAll(/from '\.\/([\w-]+\.js)'/g))
        if (!found.includes(`/demo/${name}`)) found.push(`/demo/${name}`)
    }
    expect(found).toContain('/demo/breaks.js')
    expect(found).toContain('/demo/perennial.global.js')
  })

  it('keeps its switches from other pages, and from names that others can point here', async () => {
    const refused: Record<string, string>[] = [
      {},
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: url.replace('http:', 'https:') },
      { origin: url.replace('127.0.0.1', 'localhost') },
    ]
    for (const headers of refused)
      for (const path of ['/demo/sign-in', '/demo/outage', '/demo/token-life/minute']) {
        const answer = await post(path, headers)
        expect([path, headers, answer.status]).toEqual([path, headers, 403])
        expect(await answer.json()).toMatchObject({ code: 'AUTH_ORIGIN_DENIED' })
      }
    expect(await (await fetch(`${url}/demo/state`)).json()).toEqual({ downSeconds: 0, tokenLife: 'hour' })
  })

  it('answers 404 and 405 like the rest of the service', async () => {
    expect((await post('/demo/nothing')).status).toBe(404)
    const answer = await post('/')
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })

  it('lets only members call its API', async () => {
    const answer = await fetch(`${url}/demo/api`)
    expect(answer.status).toBe(401)
    expect(await answer.json()).toMatchObject({ code: 'AUTH_TOKEN_MISSING' })
  })
})

describe('in production', () => {
  it('does not exist', async () => {
    const folder = makeFolder()
    const service = startProcess(folder.path, {
      NODE_ENV: 'production',
      DOCS: 'on',
      PERENNIAL_SECRET: Buffer.alloc(32, 7).toString('base64'),
      MEMBERSTACK_APP_ID: 'app_emulator',
      MEMBERSTACK_SECRET_KEY: 'sk_sb_emulator',
      MEMBERSTACK_ADMIN_URL: 'http://127.0.0.1:9',
    })
    try {
      const [, url = ''] = await service.waitFor(/"url":"(http:[^"]+)"/)
      const home = await fetch(url, { redirect: 'manual' })
      expect([home.status, home.headers.get('location')]).toEqual([302, '/docs'])
      for (const path of ['/demo/state', '/demo/main.js', '/demo/perennial.global.js', '/demo/api'])
        expect([path, (await fetch(url + path)).status]).toEqual([path, 404])
      for (const path of ['/demo/sign-in', '/demo/outage', '/demo/revoke', '/demo/token-life/minute']) {
        const answer = await fetch(url + path, { method: 'POST', headers: { origin: url } })
        expect([path, answer.status]).toEqual([path, 404])
      }
    } finally {
      service.child.kill('SIGTERM')
      await service.ended()
      folder.remove()
    }
  })

  it('does not start with the emulator, and so with no demo', async () => {
    const folder = makeFolder()
    const service = startProcess(folder.path, {
      NODE_ENV: 'production',
      PERENNIAL_SECRET: Buffer.alloc(32, 7).toString('base64'),
    })
    expect(await service.ended()).toBe(1)
    expect(service.output()).toContain('MEMBERSTACK_APP_ID')
    folder.remove()
  })
})

describe.runIf(hasChromium()).each(['body', 'cookie'])('in a browser, with the %s transport', (transport) => {
  let browser: Browser
  let context: BrowserContext
  const said: string[] = []

  beforeAll(async () => {
    browser = await launchBrowser()
    url = await start({ REFRESH_TOKEN_TRANSPORT: transport })
    context = await browser.newContext()
  }, 60_000)
  afterAll(async () => {
    await browser.close()
    await stop()
  })

  const status = (page: Page) => page.locator('#status').textContent()
  const logged = (page: Page) => page.locator('#log').innerText()
  const sees = (page: Page, text: RegExp) =>
    expect.poll(() => logged(page), { timeout: 40_000, interval: 50 }).toMatch(text)
  const open = async (): Promise<Page> => {
    const page = await context.newPage()
    page.on('pageerror', (error) => said.push(String(error)))
    page.on('console', (message) => said.push(message.text()))
    await page.goto(url)
    return page
  }
  const counts = (page: Page) =>
    Promise.all(['own', 'other'].map((who) => page.locator(`#count-${who}`).textContent()))

  const renewals = async (page: Page) => (await counts(page)).reduce((sum, count) => sum + Number(count), 0)

  /** What is the same in both transports, and takes its time. */
  const breakTheRest = async (page: Page): Promise<void> => {
    const before = await renewals(page)
    await page.click('#wrong-clock')
    await expect.poll(() => page.locator('#page-clock').textContent()).toMatch(/2 h ahead/)
    await page.click('#call-api')
    await expect.poll(() => status(page)).toBe('signed in')
    expect(await renewals(page)).toBeLessThanOrEqual(before + 1)
    await page.click('#wrong-clock')
    await sees(page, /The clock is right again/)

    await page.click('#short-life')
    await expect.poll(() => page.locator('#age').textContent(), { timeout: 30_000 }).toMatch(/of 1:00$/)

    await page.click('#outage')
    await sees(page, /The service is down for 20 s/)
    await expect.poll(() => status(page), { timeout: 30_000 }).toBe('signed in, service silent')
    await page.click('#call-api')
    await expect.poll(() => status(page), { timeout: 60_000 }).toBe('signed in')
  }

  it(
    'signs in, renews through everything that breaks, and says who did it',
    { timeout: 180_000 },
    async () => {
      const page = await open()
      await page.click('#sign-in')
      await sees(page, /Signed in\./)
      await page.click('#call-api')
      await sees(page, /The API answered 200: ada@example\.com, user and admin/)
      const second = await open()
      await expect.poll(() => status(second), { timeout: 20_000 }).toBe('signed in')

      // With a cookie, a new tab may have to ask for its first token.
      const before = [(await counts(page))[0], (await counts(second))[0]].map(Number)
      await page.click('#fifty')
      await sees(page, /50 of 50 callers got the new token; this tab made 1 request\./)
      await sees(second, /another tab\s+(\S+\s+)?Renewed the token; this tab uses it too/)
      expect(Number((await counts(page))[0])).toBe((before[0] ?? 0) + 1)
      expect(Number((await counts(second))[0])).toBe(before[1])

      await page.click('#lose-answer')
      await sees(page, /No usable answer/)
      // Either of the two tabs may be the one that asks again.
      await sees(page, /(Asked again and got a new token|another tab\s+Renewed[^]*)[^]*No usable answer/)
      expect(await status(page)).toBe('signed in')

      if (transport === 'body') await breakTheRest(page)
      for (const tab of [page, second]) expect(await logged(tab)).not.toMatch(/Signed out/)

      await page.click('#revoke')
      await sees(page, /Signed out: the service refused to renew \(401 AUTH_TOKEN_REFRESH_FAILED\)/)
      await sees(second, /Signed out/)
      expect(await status(page)).toBe('signed out')
      await page.locator('#reason').waitFor()
      expect(await page.locator('#reason').textContent()).toContain('AUTH_TOKEN_REFRESH_FAILED')
      await page.click('#sign-in')
      await expect.poll(() => status(second), { timeout: 20_000 }).toBe('signed in')
      expect(said.filter((line) => !line.startsWith('Failed to load resource'))).toEqual([])
    },
  )
})
