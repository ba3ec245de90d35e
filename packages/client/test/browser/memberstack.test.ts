import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { follow, openFollowing, type Following } from './following.js'
import { eventsOf, openPage, waitForEvent } from './harness.js'
import { describeInBrowser, type World } from './world.js'

const minuteAgo = (): number => Math.floor(Date.now() / 1000) - 60

const exchanges = (world: World): number => world.service.calls['POST /v1/auth/session'] ?? 0

describeInBrowser('following Memberstack', (world) => {
  it('signs in at the start, with one exchange for all tabs, and calls wait for it', async () => {
    let letThrough = () => {}
    world.service.answersAfter = new Promise<void>((resolve) => (letThrough = resolve))
    const jwt = world.service.memberJwt()
    const tabs = [await openFollowing(world, { jwt })]
    expect(await tabs[0]?.evaluate(() => window.session.state.status)).toBe('loading')
    letThrough()
    for (let i = 0; i < 3; i++) tabs.push(await openFollowing(world, { jwt }))
    for (const tab of tabs)
      expect(await tab.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    expect(exchanges(world)).toBe(1)
    const later = await openFollowing(world, { jwt })
    expect(await later.evaluate(() => window.session.state.status)).toBe('signed-in')
    expect(exchanges(world)).toBe(1)
  })

  it('signs in when the SDK reports a member, out when it reports none, and in again', async () => {
    const tab = await openFollowing(world)
    const jwt = world.service.memberJwt()
    await tab.evaluate((jwt) => window.report(jwt, { id: 'mem_ada' }), jwt)
    await waitForEvent(tab, 'signed-in')
    await tab.evaluate(() => window.report(undefined, null))
    await waitForEvent(tab, 'signed-out')
    await tab.evaluate((jwt) => window.report(jwt, { id: 'mem_ada' }), jwt)
    await waitForEvent(tab, 'signed-in', 2)
    expect(await eventsOf(tab)).toEqual(['signed-in', 'signed-out', 'signed-in'])
  })

  it('does not use the same member JWT again after signOut()', async () => {
    const jwt = world.service.memberJwt({ issuedAt: minuteAgo() })
    const tab = await openFollowing(world, { jwt })
    await waitForEvent(tab, 'signed-in')
    await tab.evaluate(() => window.session.signOut())
    const again = await openFollowing(world)
    expect(await again.evaluate(() => window.session.getAccessToken())).toBeNull()
    // The SDK also reports a new plan, which is not a sign-in.
    await again.evaluate((jwt) => window.report(jwt, { id: 'mem_ada' }), jwt)
    expect(await again.evaluate(() => window.session.getAccessToken())).toBeNull()
    expect(exchanges(world)).toBe(1)
    await again.evaluate((jwt) => window.report(jwt, { id: 'mem_ada' }), world.service.memberJwt())
    await waitForEvent(again, 'signed-in')
  })

  it('signs out if the SDK throws because the storage was denied meanwhile', async () => {
    const tab = await openFollowing(world, { jwt: world.service.memberJwt() })
    await waitForEvent(tab, 'signed-in')
    await tab.evaluate(() => {
      const denied = (): never => {
        throw new DOMException('denied', 'SecurityError')
      }
      Object.assign(Storage.prototype, { getItem: denied, setItem: denied, removeItem: denied })
    })
    await tab.evaluate(() => window.session.signOut())
    expect(await eventsOf(tab)).toEqual(['signed-in', 'signed-out'])
  })

  for (const storage of ['localStorage', 'cookie', 'memory'] as const)
    it(
      `offers the member JWT again after a refusal, once per page load, return and report: ${storage}`,
      { timeout: 90_000 },
      async () => {
        const jwt = world.service.memberJwt({ issuedAt: minuteAgo() })
        const following: Following = { options: { storage } }
        const tab = await openFollowing(world, { ...following, jwt })
        await waitForEvent(tab, 'signed-in')
        // A plan lapses: the session ends, and the exchange is refused.
        for (const session of world.service.sessions.values()) session.ended = true
        world.service.refuses = () => true
        expect(await tab.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(401)
        expect(await tab.evaluate(() => window.session.state.status)).toBe('signed-out')
        expect(exchanges(world)).toBe(1)
        const offered = async (times: number): Promise<void> => {
          await expect.poll(() => exchanges(world)).toBe(times)
          await expect.poll(() => tab.evaluate(() => window.session.state.status)).toBe('signed-out')
          expect(await tab.evaluate(() => window.session.getAccessToken())).toBeNull()
          expect(exchanges(world)).toBe(times)
        }
        await tab.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })))
        await offered(2)
        await tab.evaluate((jwt) => window.report(jwt, { id: 'mem_ada' }), jwt)
        await offered(3)
        await tab.reload()
        await follow(tab, world, following)
        await offered(4)
        // The plan is renewed.
        world.service.refuses = () => false
        await tab.reload()
        await follow(tab, world, following)
        await waitForEvent(tab, 'signed-in')
        expect(await tab.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
        expect(exchanges(world)).toBe(5)
      },
    )

  for (const storage of ['localStorage', 'cookie', 'memory'] as const)
    for (const place of ['localStorage', 'cookie'] as const)
      it(`signs out if the member JWT in the ${place} has gone without a report: ${storage}`, async () => {
        const jwt = world.service.memberJwt({ issuedAt: minuteAgo() })
        const tab = await openFollowing(world, { jwt, place, options: { storage } })
        await waitForEvent(tab, 'signed-in')
        await tab.evaluate(() => window.setJwt(undefined))
        await tab.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })))
        await waitForEvent(tab, 'signed-out')
        expect(await tab.evaluate(() => window.session.state.error)).toBeNull()
        await expect
          .poll(() => [...world.service.sessions.values()].map(({ ended }) => ended))
          .toEqual([true])
        if (storage === 'memory') return
        // The same at the start of a page.
        await tab.evaluate((jwt) => window.report(jwt, {}), world.service.memberJwt({ userId: 'mem_bob' }))
        await waitForEvent(tab, 'signed-in', 2)
        await tab.evaluate(() => window.session.close())
        await tab.evaluate(() => window.setJwt(undefined))
        await tab.reload()
        await follow(tab, world, { place, options: { storage } })
        expect(await tab.evaluate(() => window.session.getAccessToken())).toBeNull()
        expect(await tab.evaluate(() => window.session.state.status)).toBe('signed-out')
      })

  for (const storage of ['localStorage', 'cookie'] as const)
    for (const how of ['by a report', 'without one'] as const)
      it(`does not sign in again in a tab that still sees the member JWT after another saw it go, ${how}: ${storage}`, async () => {
        const jwt = world.service.memberJwt({ issuedAt: minuteAgo() })
        const following: Following = { options: { storage } }
        const tab = await openFollowing(world, { ...following, jwt })
        await waitForEvent(tab, 'signed-in')
        const other = await openFollowing(world, following)
        await other.waitForFunction(() => window.session.state.status === 'signed-in')
        // By cookie it may get a token of its own, of which it tells the first tab.
        await other.evaluate(() => window.session.getAccessToken())
        // Another process of the browser learns later of what this one has stored.
        await other.evaluate((jwt) => {
          const read = localStorage.getItem.bind(localStorage)
          Storage.prototype.getItem = (key) => (key === '_ms-mid' ? jwt : read(key))
        }, jwt)
        await tab.evaluate((isReported) => {
          if (isReported) window.report(undefined, null)
          else window.setJwt(undefined)
          document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
        }, how === 'by a report')
        await waitForEvent(tab, 'signed-out')
        await other.waitForFunction(() => window.session.state.status === 'signed-out')
        for (const type of ['storage', 'visibilitychange'])
          await other.evaluate((type) => {
            const target = type === 'storage' ? window : document
            target.dispatchEvent(new Event(type, { bubbles: true }))
          }, type)
        expect(await other.evaluate(() => window.session.getAccessToken())).toBeNull()
        expect(await other.evaluate(() => window.session.state.status)).toBe('signed-out')
        expect(exchanges(world)).toBe(1)
        await tab.evaluate((jwt) => window.report(jwt, { id: 'mem_ada' }), world.service.memberJwt())
        await waitForEvent(tab, 'signed-in', 2)
        expect(exchanges(world)).toBe(2)
      })

  for (const storage of ['localStorage', 'cookie'] as const)
    for (const seen of ['no member JWT yet', 'the member JWT of the one before'])
      it(`does not sign out in a tab that knows of a sign-in by a message, and still sees ${seen}: ${storage}`, async () => {
        await world.context.clock.install()
        const jwt = world.service.memberJwt({ userId: 'mem_bob', issuedAt: minuteAgo() })
        const following: Following = { options: { storage } }
        const tab = await openFollowing(world, { ...following, jwt })
        const other = await openFollowing(world, following)
        const memberOf = (page: Page) => page.evaluate(() => window.session.state.userId)
        const bothAre = async (member: string | null) => {
          for (const page of [tab, other]) await expect.poll(() => memberOf(page)).toBe(member)
        }
        await bothAre('mem_bob')
        if (seen === 'no member JWT yet') await tab.evaluate(() => window.report(undefined, null))
        if (seen === 'no member JWT yet') await bothAre(null)
        // Another process of the browser learns later of what this one has stored, and in the same order.
        await other.evaluate(() => {
          const read = localStorage.getItem.bind(localStorage)
          const stored: Record<string, string | null> = {}
          for (const key of ['_ms-mid', 'perennial']) stored[key] = read(key)
          const late = (key: string) => stored[key] ?? null
          Storage.prototype.getItem = late
          Storage.prototype.setItem = (key, value) => (stored[key] = value)
          Object.assign(window, { catchUp: () => (Storage.prototype.getItem = read) })
        })
        await tab.evaluate((jwt) => window.report(jwt, { id: 'mem_ada' }), world.service.memberJwt())
        await bothAre('mem_ada')
        const { calls } = world.service
        const ended = { ...calls }['DELETE /v1/auth/session']
        const wake = () =>
          other.evaluate(() => {
            window.dispatchEvent(new Event('storage'))
            document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
          })
        await wake()
        for (const page of [tab, other]) {
          expect(await page.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
          expect(await memberOf(page)).toBe('mem_ada')
        }
        expect(calls['DELETE /v1/auth/session']).toBe(ended)
        expect(exchanges(world)).toBe(2)

        // Later it is what the SDK says, by a page that has no session of ours.
        await other.evaluate('catchUp()')
        await other.clock.runFor(5_001)
        await wake()
        expect(await memberOf(other)).toBe('mem_ada')
        await other.evaluate(() => window.setJwt(undefined))
        await wake()
        await bothAre(null)
      })

  it('signs out in the tab that sees the member JWT go, by a storage event', async () => {
    const jwt = world.service.memberJwt()
    const tab = await openFollowing(world, { jwt })
    await waitForEvent(tab, 'signed-in')
    const other = await openPage(world.context, world.pages.url)
    await other.evaluate(() => localStorage.removeItem('_ms-mid'))
    await waitForEvent(tab, 'signed-out')
  })

  it('keeps a session that did not come from the SDK, which has no member JWT', async () => {
    const tab = await openFollowing(world)
    await tab.evaluate((jwt) => window.session.signIn(jwt), world.service.memberJwt())
    await tab.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })))
    await tab.reload()
    await follow(tab, world)
    expect(await tab.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
  })

  for (const storage of ['localStorage', 'cookie', 'memory'] as const)
    it(
      `does not use the JWT again after signOut(), in any tab and on the next page: ${storage}`,
      { timeout: 90_000 },
      async () => {
        const jwt = world.service.memberJwt({ issuedAt: minuteAgo() })
        const following: Following = { options: { storage } }
        const tabs = [await openFollowing(world, { ...following, jwt })]
        tabs.push(await openFollowing(world, following))
        for (const tab of tabs)
          await expect.poll(() => tab.evaluate(() => window.session.state.status)).toBe('signed-in')
        const before = exchanges(world)
        await tabs[0]?.evaluate(() => window.session.signOut())
        for (const tab of tabs) {
          await waitForEvent(tab, 'signed-out')
          await tab.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })))
          await tab.reload()
          await follow(tab, world, following)
          expect(await tab.evaluate(() => window.session.getAccessToken())).toBeNull()
          // The SDK reports a new plan.
          await tab.evaluate((jwt) => window.report(jwt, { id: 'mem_ada' }), jwt)
          expect(await tab.evaluate(() => window.session.getAccessToken())).toBeNull()
        }
        expect(exchanges(world)).toBe(before)
        expect([...world.service.sessions.values()].every(({ ended }) => ended)).toBe(true)
        // A page that asks for it signs in with the same JWT.
        await tabs[1]?.evaluate(() => window.session.signIn())
        expect(await tabs[1]?.evaluate(() => window.session.state.status)).toBe('signed-in')
      },
    )

  for (const storage of ['localStorage', 'cookie', 'memory'] as const)
    it(`is loading until the SDK has loaded, and its calls wait: ${storage}`, async () => {
      const jwt = world.service.memberJwt()
      const tab = await openFollowing(world, { jwt, late: true, options: { storage } })
      expect(await tab.evaluate(() => window.session.state.status)).toBe('loading')
      const status = tab.evaluate(async () => (await window.session.fetch('/api/who')).status)
      await tab.evaluate(() => window.arrive())
      expect(await status).toBe(200)
      expect(await eventsOf(tab)).toEqual(['signed-in'])
      const visitor = await world.browser.newContext()
      const page = await openPage(visitor, world.pages.url)
      await follow(page, world, { late: true, options: { storage } })
      expect(await page.evaluate(() => window.session.state.status)).toBe('loading')
      await page.evaluate(() => window.arrive())
      await waitForEvent(page, 'signed-out')
      expect(await eventsOf(page)).toEqual(['signed-out'])
      await visitor.close()
    })

  it('is signed out after 10 s without an SDK, and still signs in when it loads', async () => {
    await world.context.clock.install()
    const tab = await openPage(world.context, world.pages.url, world.said)
    // From here on the page's time passes only when the test says so.
    await tab.clock.pauseAt(Date.now() + 60_000)
    await follow(tab, world, { jwt: world.service.memberJwt(), late: true })
    await tab.clock.runFor(9_800)
    expect(await tab.evaluate(() => window.session.state.status)).toBe('loading')
    await tab.clock.runFor(300)
    await waitForEvent(tab, 'signed-out')
    await tab.evaluate(() => window.arrive())
    await tab.clock.runFor(200)
    await waitForEvent(tab, 'signed-in')
  })

  it('signs in the other member when the SDK reports one', async () => {
    const tab = await openFollowing(world, { jwt: world.service.memberJwt({ issuedAt: minuteAgo() }) })
    await waitForEvent(tab, 'signed-in')
    await tab.evaluate(
      (jwt) => window.report(jwt, { id: 'mem_bob' }),
      world.service.memberJwt({ userId: 'mem_bob' }),
    )
    await waitForEvent(tab, 'signed-in', 2)
    expect(await tab.evaluate(() => window.session.state.userId)).toBe('mem_bob')
  })

  it('retries the exchange through an outage, and stops at a refusal', async () => {
    let left = 2
    world.service.fault = () => (left-- > 0 ? { kind: 'reset' } : undefined)
    const tab = await openFollowing(world, { jwt: world.service.memberJwt() })
    await waitForEvent(tab, 'signed-in')
    expect(await eventsOf(tab)).toEqual(['stale', 'signed-in'])
    await tab.evaluate(() => window.session.signOut())
    const body = JSON.stringify({ error: 'no', code: 'AUTH_TOKEN_INVALID' })
    world.service.fault = () => ({ kind: 'answer', status: 401, body })
    const refused = await openFollowing(world, {
      jwt: world.service.memberJwt({ issuedAt: Math.floor(Date.now() / 1000) + 1 }),
    })
    await waitForEvent(refused, 'signed-out')
    expect(await refused.evaluate(() => window.session.state.error?.code)).toBe('AUTH_TOKEN_INVALID')
    expect(await refused.evaluate(() => window.session.getAccessToken())).toBeNull()
  })

  it('works with the cookie transport', async () => {
    const jwt = world.service.memberJwt({ issuedAt: minuteAgo() })
    const tab = await openFollowing(world, { jwt, options: { storage: 'cookie' } })
    await waitForEvent(tab, 'signed-in')
    const again = await openFollowing(world, { options: { storage: 'cookie' } })
    expect(await again.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    await again.evaluate(() => window.session.signOut())
    const later = await openFollowing(world, { options: { storage: 'cookie' } })
    expect(await later.evaluate(() => window.session.getAccessToken())).toBeNull()
    expect(exchanges(world)).toBe(1)
  })
})
