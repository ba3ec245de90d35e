import { startEmulator } from '@perennial/emulator'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createFetchHandler } from '../src/adapters/fetch.js'
import { createPages } from '../src/adapters/pages.js'
import { createPerennial } from '../src/compose/create-perennial.js'
import { createMemoryStore } from '../src/stores/memory.js'
import type { Store } from '../src/stores/index.js'
import { sharedSecret } from './kit/instances.js'
import { PageBrowser } from './kit/page-browser.js'
import { hasRedis, startRedis } from './kit/redis.js'

/** Starts a site on a store, with a signed-in browser and a clock that the test moves. */
async function startSite(openStore: (clock: () => number) => string | Store) {
  const time = { now: Date.now() / 1000 }
  const clock = () => time.now
  const emulator = await startEmulator({ clock })
  onTestFinished(() => emulator.close())
  const { appId, secretKey, adminUrl, issuer } = emulator
  const perennial = await createPerennial({
    store: openStore(clock),
    secret: sharedSecret,
    memberstack: { appId, secretKey, adminUrl, issuer },
    refreshTokenTransport: 'cookie',
    pages: true,
    clock,
    // No answer of Memberstack serves longer than that.
    memberStaleSeconds: 60,
    rateLimits: { sessionPerMinute: 1e6 },
  })
  onTestFinished(() => perennial.close())
  const pages = createPages(perennial)
  const browser = new PageBrowser()
  const { accessToken } = await emulator.issueTokens()
  browser.take(await createFetchHandler(perennial)(browser.signInRequest(accessToken)))
  const open = async () => {
    const answer = await pages.handle(browser.request('/'), async (renewed) => {
      const member = await pages.memberOf(renewed)
      return new Response(member ? `Hello ${member.email}` : 'Please sign in')
    })
    browser.take(answer)
    return { status: answer.status, text: await answer.text(), headers: answer.headers }
  }
  return { time, emulator, perennial, browser, open }
}

const hello = 'Hello ada@example.com'

/** Counts the calls of every method of a store, at any depth. */
function counted(store: Store, calls: string[]): Store {
  const wrap = <T extends object>(target: T, path: string): T =>
    new Proxy(target, {
      get(from, name) {
        const value: unknown = Reflect.get(from, name)
        const place = `${path}.${String(name)}`
        if (typeof value === 'function')
          return (...given: unknown[]) => {
            calls.push(place)
            return Reflect.apply(value, from, given)
          }
        return typeof value === 'object' && value !== null ? wrap(value, place) : value
      },
    })
  return wrap(store, 'store')
}

it('asks neither the store nor Memberstack for a page whose token is good', async () => {
  const calls: string[] = []
  const site = await startSite((clock) => counted(createMemoryStore({ clock }), calls))
  expect((await site.open()).text).toBe(hello)
  // The first use of a token is noted in the store, after the answer.
  await expect.poll(() => calls.filter((call) => call === 'store.sessions.replace').length).toBe(1)
  const before = site.emulator.calls()
  calls.length = 0
  for (let page = 0; page < 100; page++) {
    // A clock that jumps looks like a pause of the process, after which it reads what ended meanwhile.
    site.time.now += 0.01
    expect((await site.open()).text).toBe(hello)
  }
  expect([calls, site.emulator.calls()]).toEqual([[], before])
  site.time.now += 3500
  expect((await site.open()).text).toBe(hello)
  expect(calls).toContain('store.sessions.replace')
})

describe.each(['Memberstack', 'the store'])('while %s is away for ten minutes', (what) => {
  it.runIf(what === 'Memberstack' || hasRedis())(
    'a page is its member as long as the token is good, then asks to try again, and never to sign in',
    { timeout: 120_000 },
    async () => {
      const redis =
        what === 'the store' ? await startRedis('--appendonly', 'yes', '--appendfsync', 'always') : undefined
      onTestFinished(async () => {
        await redis?.remove()
      })
      const site = await startSite((clock) => redis?.url ?? createMemoryStore({ clock }))
      expect((await site.open()).text).toBe(hello)
      // Five minutes before the token ends, so that it ends within the ten minutes.
      const { lifeSeconds, cookies } = { lifeSeconds: 3600, cookies: new Map(site.browser.cookies) }
      if (redis) await redis.kill()
      else site.emulator.setFault({ route: 'GET /members/:idOrEmail', status: 503, times: 1e6 })
      site.time.now += lifeSeconds - 300
      for (let seconds = 0; seconds <= 600; seconds += 60) {
        const { status, text, headers } = await site.open()
        expect(text).not.toContain('sign in')
        if (seconds < 300) expect([status, text]).toEqual([200, hello])
        else {
          expect(status).toBe(503)
          expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
        }
        expect(headers.getSetCookie()).toEqual([])
        site.time.now += 60
      }
      expect(site.browser.cookies).toEqual(cookies)
      if (redis) await redis.start()
      else site.emulator.clearFaults()
      await expect
        .poll(async () => {
          site.time.now += 20
          return (await site.open()).text
        })
        .toBe(hello)
    },
  )
})
