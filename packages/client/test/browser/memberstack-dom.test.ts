import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventsOf, waitForEvent } from './harness.js'
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

  it('signs the session in, out, and in again', async () => {
    const open = async (): Promise<Awaited<ReturnType<typeof world.context.newPage>>> => {
      const page = await world.context.newPage()
      await page.goto(world.pages.url)
      await page.waitForFunction(() => 'client' in window)
      await page.addScriptTag({ content: script })
      await page.evaluate(
        ({ serviceUrl, publicKey, domain }) => {
          window.openSdk(publicKey, domain)
          window.events = []
          window.session = window.client.createSession({ serviceUrl, memberstack: window.sdk })
          window.session.onChange((state, event) => window.events.push({ event, state }))
        },
        { serviceUrl: world.service.url, publicKey: emulator.publicKey, domain: emulator.url },
      )
      return page
    }
    const ada = { email: 'ada@example.com', password: 'perennial-demo' }
    const first = await open()
    const second = await open()
    expect(await first.evaluate(() => window.session.state.status)).toBe('signed-out')
    await first.evaluate((ada) => window.sdk.loginMemberEmailPassword(ada), ada)
    await waitForEvent(first, 'signed-in')
    await waitForEvent(second, 'signed-in')
    expect(await second.evaluate(() => window.session.state.userId)).toMatch(/^mem_/)
    const third = await open()
    expect(await third.evaluate(() => window.session.state.status)).toBe('signed-in')
    await third.evaluate(() => window.sdk.logout())
    for (const page of [first, second, third]) await waitForEvent(page, 'signed-out')
    await second.evaluate((ada) => window.sdk.loginMemberEmailPassword(ada), ada)
    await waitForEvent(first, 'signed-in', 2)
    expect(await eventsOf(first)).toEqual(['signed-in', 'signed-out', 'signed-in'])
    expect(world.service.calls['POST /v1/auth/session']).toBe(2)
  })
})
