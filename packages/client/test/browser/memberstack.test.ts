import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import type { PlainOptions } from './world.js'
import { eventsOf, openPage, waitForEvent } from './harness.js'
import { describeInBrowser, type World } from './world.js'

/** Makes a stand-in report a member as `@memberstack/dom` does: before it stores the JWT. */
declare global {
  interface Window {
    report(jwt: string | undefined, member: unknown): void
  }
}

async function openFollowing(world: World, jwt?: string, options: PlainOptions = {}): Promise<Page> {
  const page = await openPage(world.context, world.pages.url, world.said)
  await page.evaluate(
    ({ jwt, options }) => {
      let callback: (member: unknown) => void = () => undefined
      if (jwt) localStorage.setItem('_ms-mid', jwt)
      window.report = (jwt, member) => {
        if (!jwt) localStorage.removeItem('_ms-mid')
        callback(member)
        if (jwt) localStorage.setItem('_ms-mid', jwt)
      }
      const memberstack = {
        getMemberCookie: () => localStorage.getItem('_ms-mid') ?? undefined,
        onAuthChange(told: typeof callback) {
          callback = told
          return { unsubscribe: () => (callback = () => undefined) }
        },
      }
      window.events = []
      window.session = window.client.createSession({ ...options, memberstack })
      window.session.onChange((state, event) => window.events.push({ event, state }))
    },
    { jwt, options: { serviceUrl: world.service.url, ...options } },
  )
  return page
}

const exchanges = (world: World): number => world.service.calls['POST /v1/auth/session'] ?? 0

describeInBrowser('following Memberstack', (world) => {
  it('signs in at the start, with one exchange for all tabs, and calls wait for it', async () => {
    let letThrough = () => {}
    world.service.answersAfter = new Promise<void>((resolve) => (letThrough = resolve))
    const jwt = world.service.memberJwt()
    const tabs = [await openFollowing(world, jwt)]
    expect(await tabs[0]?.evaluate(() => window.session.state.status)).toBe('loading')
    letThrough()
    for (let i = 0; i < 3; i++) tabs.push(await openFollowing(world, jwt))
    for (const tab of tabs)
      expect(await tab.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    expect(exchanges(world)).toBe(1)
    const later = await openFollowing(world, jwt)
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
    const jwt = world.service.memberJwt({ issuedAt: Math.floor(Date.now() / 1000) - 60 })
    const tab = await openFollowing(world, jwt)
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
    const tab = await openFollowing(world, world.service.memberJwt())
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

  it('does not sign in again after the service refused the session', async () => {
    const jwt = world.service.memberJwt({ issuedAt: Math.floor(Date.now() / 1000) - 60 })
    const tab = await openFollowing(world, jwt)
    await waitForEvent(tab, 'signed-in')
    for (const session of world.service.sessions.values()) session.ended = true
    expect(await tab.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(401)
    const again = await openFollowing(world)
    expect(await again.evaluate(() => window.session.getAccessToken())).toBeNull()
    expect(exchanges(world)).toBe(1)
  })

  it('signs in the other member when the SDK reports one', async () => {
    const tab = await openFollowing(
      world,
      world.service.memberJwt({ issuedAt: Math.floor(Date.now() / 1000) - 60 }),
    )
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
    const tab = await openFollowing(world, world.service.memberJwt())
    await waitForEvent(tab, 'signed-in')
    expect(await eventsOf(tab)).toEqual(['stale', 'signed-in'])
    await tab.evaluate(() => window.session.signOut())
    const body = JSON.stringify({ error: 'no', code: 'AUTH_TOKEN_INVALID' })
    world.service.fault = () => ({ kind: 'answer', status: 401, body })
    const refused = await openFollowing(
      world,
      world.service.memberJwt({ issuedAt: Math.floor(Date.now() / 1000) + 1 }),
    )
    await waitForEvent(refused, 'signed-out')
    expect(await refused.evaluate(() => window.session.state.error?.code)).toBe('AUTH_TOKEN_INVALID')
    expect(await refused.evaluate(() => window.session.getAccessToken())).toBeNull()
  })

  it('works with the cookie transport', async () => {
    const jwt = world.service.memberJwt({ issuedAt: Math.floor(Date.now() / 1000) - 60 })
    const tab = await openFollowing(world, jwt, { storage: 'cookie' })
    await waitForEvent(tab, 'signed-in')
    const again = await openFollowing(world, undefined, { storage: 'cookie' })
    expect(await again.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    await again.evaluate(() => window.session.signOut())
    const later = await openFollowing(world, undefined, { storage: 'cookie' })
    expect(await later.evaluate(() => window.session.getAccessToken())).toBeNull()
    expect(exchanges(world)).toBe(1)
  })
})
