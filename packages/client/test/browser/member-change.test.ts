import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { follow, openFollowing, type Following } from './following.js'
import { eventsOf, openPage, openSession, waitForEvent } from './harness.js'
import { describeInBrowser, type PlainOptions } from './world.js'

const minuteAgo = (): number => Math.floor(Date.now() / 1000) - 60
const hourMs = 3_600_000

const memberOf = (page: Page): Promise<string | null> => page.evaluate(() => window.session.state.userId)
const signIn = (page: Page, jwt: string): Promise<unknown> =>
  page.evaluate(async (jwt) => (await window.session.signIn(jwt)).userId, jwt)
const who = (page: Page): Promise<unknown> =>
  page.evaluate(async () => (await (await window.session.fetch('/api/who')).json()).userId)
/** Waits until another tab or call waits for the lock. */
const waitForQueue = async (page: Page, count = 1): Promise<void> => {
  const pending = (): Promise<number | undefined> =>
    page.evaluate(async () => (await navigator.locks.query()).pending?.length)
  await expect.poll(pending).toBe(count)
}
/** Sets the clock of a page. */
const setClock = (page: Page, aheadMs: number): Promise<unknown> =>
  page.evaluate((aheadMs) => {
    const now = Date.now.bind(Date)
    Date.now = () => now() + aheadMs
  }, aheadMs)

describeInBrowser('the end of the old member’s session', (world) => {
  const jwtOf = (userId: string, issuedAt?: number): string =>
    world.service.memberJwt({ userId, ...(issuedAt && { issuedAt }) })
  const calls = (route: string): number => world.service.calls[route] ?? 0
  /** The members whose sessions have not ended. */
  const live = (): string[] =>
    [...world.service.sessions.values()].filter(({ ended }) => !ended).map(({ userId }) => userId)
  /** Holds back the answers. Returns the function that lets them through. */
  const holdAnswers = (): (() => void) => {
    let letThrough = (): void => undefined
    world.service.answersAfter = new Promise<void>((resolve) => (letThrough = resolve))
    return () => {
      world.service.answersAfter = null
      letThrough()
    }
  }
  const openAgain = async (options: PlainOptions): Promise<Page> => {
    const page = await openPage(world.context, world.pages.url, world.said)
    await openSession(page, { serviceUrl: world.service.url, ...options })
    return page
  }

  for (const storage of ['localStorage', 'cookie'] as const)
    for (const place of ['localStorage', 'cookie'] as const)
      it(`leaves a sign-in of the new member that is under way in another tab: ${storage}, JWT in ${place}`, async () => {
        const following: Following = { place, options: { storage } }
        const tab = await openFollowing(world, { ...following, jwt: jwtOf('mem_bob', minuteAgo()) })
        const other = await openFollowing(world, following)
        for (const each of [tab, other]) await expect.poll(() => memberOf(each)).toBe('mem_bob')
        const before = calls('POST /v1/auth/session')
        const letThrough = holdAnswers()
        const jwt = jwtOf('mem_ada')
        const outcome = tab.evaluate(async (jwt) => {
          const signedIn = window.session.signIn(jwt)
          window.setJwt(jwt)
          return (await signedIn).userId
        }, jwt)
        await expect.poll(() => calls('POST /v1/auth/session')).toBe(before + 1)
        await other.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })))
        await waitForEvent(other, 'signed-out')
        letThrough()
        expect(await outcome).toBe('mem_ada')
        for (const each of [tab, other]) {
          await expect.poll(() => memberOf(each)).toBe('mem_ada')
          expect(await who(each)).toBe('mem_ada')
        }
        expect(calls('POST /v1/auth/session')).toBe(before + 1)
        // The cookie of the old session is replaced by the new one's.
        if (storage === 'localStorage') await expect.poll(live).toEqual(['mem_ada'])
        const ends = await other.evaluate(() =>
          window.events
            .filter(({ event }) => event === 'signed-out')
            .map(({ state }) => [state.status, state.error?.code]),
        )
        expect(ends).toEqual([['loading', 'CLIENT_MEMBER_CHANGED']])
      })

  it('concerns only the tab itself with memory storage', async () => {
    const following: Following = { options: { storage: 'memory' } }
    const [tab, other] = [await openFollowing(world, following), await openFollowing(world, following)]
    // The later session has the higher number.
    for (const each of [tab, other]) await signIn(each, jwtOf('mem_bob', minuteAgo()))
    await tab.evaluate((jwt) => window.report(jwt, { id: 'mem_ada' }), jwtOf('mem_ada'))
    await expect.poll(() => memberOf(tab)).toBe('mem_ada')
    await other.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })))
    await expect.poll(() => memberOf(other)).toBe('mem_ada')
    for (const each of [tab, other]) expect(await who(each)).toBe('mem_ada')
    expect((await eventsOf(tab)).slice(-1)).toEqual(['signed-in'])
    expect(await tab.evaluate(() => localStorage.getItem('perennial'))).toBeNull()
    expect(live()).toEqual(['mem_ada', 'mem_ada'])
  })

  it('is not told to the service again once another member has signed in: cookie', async () => {
    const options = { storage: 'cookie' } as const
    const tab = await world.openTab(options)
    await waitForEvent(tab, 'signed-out')
    await signIn(tab, jwtOf('mem_ada'))
    const away = { kind: 'answer', status: 503, body: '' } as const
    world.service.fault = (route) => (route.startsWith('DELETE') ? away : undefined)
    await tab.evaluate(() => window.session.signOut())
    world.service.fault = () => undefined
    const letThrough = holdAnswers()
    const outcome = signIn(tab, jwtOf('mem_bob'))
    await expect.poll(() => calls('POST /v1/auth/session')).toBe(2)
    const other = await openAgain(options)
    await waitForQueue(other)
    letThrough()
    expect(await outcome).toBe('mem_bob')
    await expect.poll(() => memberOf(other)).toBe('mem_bob')
    await other.evaluate(() => navigator.locks.request('perennial', () => undefined))
    expect(calls('DELETE /v1/auth/session')).toBe(1)
    await tab.reload()
    await tab.waitForFunction(() => 'client' in window)
    await openSession(tab, { serviceUrl: world.service.url, ...options })
    await expect.poll(() => memberOf(tab)).toBe('mem_bob')
    expect(await who(tab)).toBe('mem_bob')
  })

  it('does not remove the cookie of a sign-in that comes before the answer to the sign-out', async () => {
    const options = { storage: 'cookie' } as const
    const tab = await world.openTab(options)
    await waitForEvent(tab, 'signed-out')
    const other = await openAgain(options)
    await waitForEvent(other, 'signed-out')
    for (const later of [tab, other]) {
      await signIn(tab, jwtOf('mem_ada'))
      const signOuts = calls('DELETE /v1/auth/session')
      const letThrough = holdAnswers()
      const signedOut = tab.evaluate(() => window.session.signOut())
      await expect.poll(() => calls('DELETE /v1/auth/session')).toBe(signOuts + 1)
      world.service.answersAfter = null
      const outcome = signIn(later, jwtOf('mem_bob'))
      await Promise.race([outcome, waitForQueue(later)])
      letThrough()
      await signedOut
      expect(await outcome).toBe('mem_bob')
      expect(await world.context.cookies(world.service.url)).toHaveLength(1)
      const next = await openAgain(options)
      await expect.poll(() => memberOf(next)).toBe('mem_bob')
      expect(await who(next)).toBe('mem_bob')
      await next.close()
    }
  })

  for (const found of ['no cookie', 'an ended cookie'] as const)
    it(`does not come from a page that finds ${found} while a member signs in, after a clock that was wrong`, async () => {
      const options = { storage: 'cookie' } as const
      const tab = await world.openTab(options)
      await waitForEvent(tab, 'signed-out')
      // The session was opened and ended by a clock that was an hour ahead.
      await setClock(tab, hourMs)
      await signIn(tab, jwtOf('mem_ada'))
      const cookies = await world.context.cookies(world.service.url)
      await tab.evaluate(() => window.session.signOut())
      if (found === 'an ended cookie') await world.context.addCookies(cookies)
      await setClock(tab, -hourMs)
      // Its channel is closed, so that it does not answer the other page before the service does.
      await tab.evaluate(() => dispatchEvent(new Event('pagehide')))
      const letThrough = holdAnswers()
      const asked = world.refreshes()
      const other = await openAgain(options)
      await expect.poll(() => world.refreshes()).toBe(asked + 1)
      const outcome = signIn(tab, jwtOf('mem_bob'))
      await waitForQueue(tab)
      letThrough()
      expect(await outcome).toBe('mem_bob')
      await tab.evaluate(() => dispatchEvent(new Event('pageshow')))
      await expect.poll(() => memberOf(other)).toBe('mem_bob')
      for (const each of [tab, other]) expect(await who(each)).toBe('mem_bob')
      expect(live()).toEqual(['mem_bob'])
    })

  // Of two records with one number, the one with the greater token would win.
  for (const [old, next] of [
    ['mem_ada', 'mem_bob'],
    ['mem_bob', 'mem_ada'],
  ] as const)
    it(`makes way for ${next} in every tab, if the clock was ahead when ${old} signed in: cookie`, async () => {
      const options = { storage: 'cookie' } as const
      const ahead = await world.openTab(options)
      await waitForEvent(ahead, 'signed-out')
      await setClock(ahead, hourMs)
      await signIn(ahead, jwtOf(old))
      // Its channel is closed until the next event, so the new page knows only what is stored.
      await ahead.evaluate(() => dispatchEvent(new Event('pagehide')))
      world.service.fault = (route) => (route.endsWith('/refresh-token') ? { kind: 'reset' } : undefined)
      const tab = await openAgain(options)
      await waitForEvent(tab, 'stale')
      expect(await signIn(tab, jwtOf(next))).toBe(next)
      await ahead.evaluate(() => dispatchEvent(new Event('pageshow')))
      await expect.poll(() => memberOf(ahead)).toBe(next)
      world.service.fault = () => undefined
      for (const each of [tab, ahead]) expect(await who(each)).toBe(next)
    })

  it('stays the end after the page has cleared its storage, whatever the clock was: localStorage', async () => {
    const tab = await world.openTab()
    await setClock(tab, hourMs)
    await signIn(tab, jwtOf('mem_ada'))
    await tab.evaluate(() => window.session.close())
    await tab.evaluate(() => localStorage.clear())
    await tab.reload()
    await tab.waitForFunction(() => 'client' in window)
    await openSession(tab, { serviceUrl: world.service.url })
    expect(await tab.evaluate(() => window.session.state.status)).toBe('signed-out')
    expect(await signIn(tab, jwtOf('mem_bob', minuteAgo()))).toBe('mem_bob')
    world.service.clockOffsetSeconds = 1900
    await setClock(tab, 1_900_000)
    await tab.evaluate(() => window.session.getAccessToken({ forceRefresh: true }))
    expect(await who(tab)).toBe('mem_bob')
    const other = await openAgain({})
    await other.evaluate(() => window.session.getAccessToken({ forceRefresh: true }))
    expect(await who(other)).toBe('mem_bob')
  })

  for (const storage of ['localStorage', 'cookie', 'memory'] as const)
    it(`everywhere is not the end of a member who has signed in meanwhile: ${storage}`, async () => {
      const following: Following = { options: { storage } }
      const tab = await openFollowing(world, { ...following, jwt: jwtOf('mem_ada', minuteAgo()) })
      await expect.poll(() => memberOf(tab)).toBe('mem_ada')
      const letThrough = holdAnswers()
      const outcome = tab.evaluate(() => window.session.signOutEverywhere())
      await expect.poll(() => calls('DELETE /v1/auth/sessions')).toBe(1)
      const other = storage === 'memory' ? tab : await openPage(world.context, world.pages.url, world.said)
      if (other !== tab) await follow(other, world, following)
      // The exchange for Bob waits for the answer, too.
      await other.evaluate((jwt) => window.report(jwt, { id: 'mem_bob' }), jwtOf('mem_bob'))
      await tab.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })))
      await expect.poll(() => memberOf(tab)).toBeNull()
      letThrough()
      await outcome
      await expect.poll(() => memberOf(tab)).toBe('mem_bob')
      expect(await who(tab)).toBe('mem_bob')
      expect(live()).toEqual(['mem_bob'])
    })

  it('by a cookie that has gone is left to the exchange of a newer member JWT', async () => {
    const following: Following = { options: { storage: 'cookie' } }
    const tab = await openFollowing(world, { ...following, jwt: jwtOf('mem_ada', minuteAgo()) })
    await expect.poll(() => memberOf(tab)).toBe('mem_ada')
    world.service.clockOffsetSeconds = 1900
    await setClock(tab, 1_900_000)
    await world.context.clearCookies()
    const letThrough = holdAnswers()
    const asked = world.refreshes()
    await tab.evaluate(() => void window.session.getAccessToken({ forceRefresh: true }))
    await expect.poll(() => world.refreshes()).toBe(asked + 1)
    await tab.evaluate((jwt) => window.report(jwt, { id: 'mem_ada' }), jwtOf('mem_ada'))
    letThrough()
    await waitForEvent(tab, 'signed-in', 2)
    expect(await who(tab)).toBe('mem_ada')
    expect(await eventsOf(tab)).not.toContain('signed-out')
  })
})
