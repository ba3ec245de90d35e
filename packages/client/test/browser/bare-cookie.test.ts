import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { waitForEvent } from './harness.js'
import { describeInBrowser } from './world.js'

/** Takes away the means by which tabs share a session. */
const without: Record<string, () => void> = {
  BroadcastChannel: () => Object.defineProperty(window, 'BroadcastChannel', { value: undefined }),
  'Web Locks': () => Object.defineProperty(Navigator.prototype, 'locks', { value: undefined }),
  'BroadcastChannel and Web Locks': () => {
    Object.defineProperty(window, 'BroadcastChannel', { value: undefined })
    Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })
  },
}

describeInBrowser('the cookie transport in a browser', (world) => {
  const signIn = (page: Page, userId: string): Promise<unknown> =>
    page.evaluate((jwt) => window.session.signIn(jwt), world.service.memberJwt({ userId }))
  const callAs = (page: Page): Promise<unknown> =>
    page.evaluate(async () => [(await window.session.fetch('/api/who')).status, window.session.state.userId])
  const openTabs = async (): Promise<[Page, Page, Page]> => {
    const [first, second, third] = await world.openTabs(3, { storage: 'cookie' })
    if (!first || !second || !third) throw new Error('no tabs')
    for (const tab of [first, second, third]) await waitForEvent(tab, 'signed-out')
    return [first, second, third]
  }
  const ended = (): boolean[] => [...world.service.sessions.values()].map((session) => session.ended)

  for (const [name, remove] of Object.entries(without)) {
    it(`without ${name} brings a sign-in, another member and a sign-out to every tab`, async () => {
      await world.context.addInitScript(remove)
      const tabs = await openTabs()
      await signIn(tabs[0], 'mem_ada')
      for (const tab of tabs) {
        await waitForEvent(tab, 'signed-in')
        expect(await callAs(tab)).toEqual([200, 'mem_ada'])
      }
      await signIn(tabs[1], 'mem_bob')
      for (const tab of tabs) {
        await expect.poll(() => tab.evaluate(() => window.session.state.userId)).toBe('mem_bob')
        expect(await callAs(tab)).toEqual([200, 'mem_bob'])
        // Two tabs may have asked for Ada's first token. Bob is never a refresh.
        const first = await tab.evaluate(() => window.events.find(({ state }) => state.userId === 'mem_bob'))
        expect(first?.event).toBe('signed-in')
      }
      await tabs[2].evaluate(() => window.session.signOut())
      for (const tab of tabs) {
        await expect.poll(() => tab.evaluate(() => window.session.state.status)).toBe('signed-out')
        expect(await tab.evaluate(() => window.session.getAccessToken())).toBeNull()
      }
      expect(await world.context.cookies(world.service.url)).toEqual([])
    })

    it(`without ${name} loses no session when all tabs refresh at once, over and over`, async () => {
      await world.context.addInitScript(remove)
      world.service.graceSeconds = 120
      const tabs = await openTabs()
      await signIn(tabs[0], 'mem_ada')
      for (const tab of tabs) await waitForEvent(tab, 'signed-in')
      for (let turn = 1; turn <= 4; turn++) {
        // The tokens end, so that the next calls rotate.
        world.service.clockOffsetSeconds += 3700
        const answers = await Promise.all(
          tabs.map((tab) =>
            tab.evaluate(async (passedMs) => {
              Date.now = () => performance.timeOrigin + performance.now() + passedMs
              const calls = Array.from({ length: 20 }, () => window.session.fetch('/api/who'))
              return Promise.all(calls.map(async (call) => (await call).status))
            }, turn * 3_700_000),
          ),
        )
        expect(new Set(answers.flat())).toEqual(new Set([200]))
      }
      expect(ended()).toEqual([false])
      expect(world.service.thefts).toBe(0)
    })
  }
})
