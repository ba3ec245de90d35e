import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Page } from 'playwright-core'
import type { StorageKind } from '../../src/index.js'
import { eventsOf, openPage, waitForEvent } from './harness.js'
import { bundleRealSdk } from './real-sdk.js'
import { describeInBrowser } from './world.js'

describeInBrowser('the real @memberstack/dom', (world) => {
  let emulator: Emulator
  let script: string

  beforeAll(async () => {
    emulator = await startEmulator({ port: 0 })
    script = await bundleRealSdk()
  }, 60_000)
  afterAll(() => emulator.close())

  const open = async (storage: StorageKind): Promise<Page> => {
    const page = await openPage(world.context, world.pages.url, world.said)
    await page.addScriptTag({ content: script })
    await page.evaluate(
      ({ publicKey, domain, ...options }) => {
        window.openSdk(publicKey, domain)
        window.events = []
        window.session = window.client.createSession({ ...options, memberstack: window.sdk })
        window.session.onChange((state, event) => window.events.push({ event, state }))
      },
      { serviceUrl: world.service.url, publicKey: emulator.publicKey, domain: emulator.url, storage },
    )
    return page
  }
  const logIn = (page: Page, name: 'ada' | 'bob'): Promise<unknown> =>
    page.evaluate((member) => window.sdk.loginMemberEmailPassword(member), {
      email: `${name}@example.com`,
      password: 'perennial-demo',
    })

  it('signs the session in, out, and in again', async () => {
    const first = await open('localStorage')
    const second = await open('localStorage')
    expect(await first.evaluate(() => window.session.state.status)).toBe('signed-out')
    await logIn(first, 'ada')
    await waitForEvent(first, 'signed-in')
    await waitForEvent(second, 'signed-in')
    expect(await second.evaluate(() => window.session.state.userId)).toMatch(/^mem_/)
    const third = await open('localStorage')
    expect(await third.evaluate(() => window.session.state.status)).toBe('signed-in')
    await third.evaluate(() => window.sdk.logout())
    for (const page of [first, second, third]) await waitForEvent(page, 'signed-out')
    await logIn(second, 'ada')
    await waitForEvent(first, 'signed-in', 2)
    expect(await eventsOf(first)).toEqual(['signed-in', 'signed-out', 'signed-in'])
    expect(world.service.calls['POST /v1/auth/session']).toBe(2)
  })

  for (const storage of ['localStorage', 'cookie', 'memory'] as const)
    for (const logsOut of [true, false])
      it(`takes the session from Ada to Bob and back, ${logsOut ? 'with' : 'without'} a logout between: ${storage}`, async () => {
        const seen: unknown[] = []
        world.pages.api = (request, response) => {
          const payload = request.headers.authorization?.split('.')[1] ?? ''
          const { sub } = JSON.parse(Buffer.from(payload, 'base64url').toString() || '{}')
          seen.push([new URL(request.url ?? '', world.pages.url).searchParams.get('as'), sub])
          world.service.api(request, response)
        }
        const tabs = [await open(storage), await open(storage)] as const
        for (const each of tabs)
          await expect.poll(() => each.evaluate(() => window.session.state.status)).toBe('signed-out')
        let isSignedIn = false
        for (const [index, name] of (['ada', 'bob', 'ada', 'bob'] as const).entries()) {
          const tab = tabs[index % 2] ?? tabs[0]
          // A call that is under way when the member changes goes out as the old one, or not at all.
          const calls = tabs.map((each) =>
            each.evaluate(async () => {
              // Read here: the other tab may have signed in before this one gets to the call.
              const { userId } = window.session.state
              const call = window.session.fetch(`/api/between?as=${userId}`).catch(({ code }) => code)
              return typeof (await call) === 'string' ? await call : (await call).status
            }),
          )
          if (isSignedIn && logsOut) await tab.evaluate(() => window.sdk.logout())
          await logIn(tab, name)
          for (const each of tabs) {
            // Memberstack reports a login only to the page on which it happened.
            await each.evaluate(() =>
              document.dispatchEvent(new Event('visibilitychange', { bubbles: true })),
            )
            await expect.poll(() => each.evaluate(() => window.session.state.userId)).toBe(`mem_${name}`)
            expect(
              await each.evaluate(
                async (as) => (await window.session.fetch(`/api/after?as=${as}`)).status,
                `mem_${name}`,
              ),
            ).toBe(200)
            expect(await eventsOf(each)).not.toContain('refreshed')
          }
          await Promise.all(calls)
          isSignedIn = true
        }
        expect(seen.filter((call) => Array.isArray(call) && call[1] && call[0] !== call[1])).toEqual([])
        expect(seen.length).toBeGreaterThanOrEqual(8)
      })
})
