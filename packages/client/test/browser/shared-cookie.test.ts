import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { follow, openFollowing } from './following.js'
import { openPage, openSession, waitForEvent } from './harness.js'
import { describeInBrowser } from './world.js'

const minuteAgo = (): number => Math.floor(Date.now() / 1000) - 60

/** Two origins of one site, whose pages share the cookie of the service and nothing else. */
describeInBrowser('pages of sibling origins that share one cookie', (world) => {
  const options = (): Parameters<typeof openSession>[1] => ({
    serviceUrl: world.service.url,
    storage: 'cookie',
  })
  const openOn = async (url: string): Promise<Page> => {
    const page = await openPage(world.context, url, world.said)
    await openSession(page, options())
    return page
  }
  const load = async (page: Page): Promise<void> => {
    await page.reload()
    await page.waitForFunction(() => 'client' in window)
    await openSession(page, options())
  }
  const signIn = (page: Page, userId: string): Promise<unknown> =>
    page.evaluate((jwt) => window.session.signIn(jwt), world.service.memberJwt({ userId }))
  const signOut = (page: Page): Promise<void> => page.evaluate(() => window.session.signOut())
  /** Returns the status of a call, and the member that the page shows. */
  const callAs = (page: Page): Promise<unknown> =>
    page.evaluate(async () => [(await window.session.fetch('/api/who')).status, window.session.state.userId])
  const stateOf = (page: Page): Promise<unknown> =>
    page.evaluate(() => [window.session.state.status, window.session.state.userId])
  /** Returns the members whose sessions have not ended, and that of the cookie. */
  const alive = async (): Promise<{ members: string[]; cookie: string | undefined }> => {
    const [cookie] = await world.context.cookies(world.service.url)
    const [id = ''] = cookie?.value.split('.') ?? []
    const members = [...world.service.sessions.values()].filter(({ ended }) => !ended)
    return { members: members.map(({ userId }) => userId), cookie: world.service.sessions.get(id)?.userId }
  }
  const deletes = (): number => world.service.calls['DELETE /v1/auth/session'] ?? 0
  /** Ada signs in on `www`, and out of it while the service cannot be reached. */
  const signedOutUntold = async (): Promise<Page> => {
    const www = await openOn(world.pages.url)
    await signIn(www, 'mem_ada')
    world.service.fault = () => ({ kind: 'reset' })
    await signOut(www)
    world.service.fault = () => undefined
    expect(await alive()).toEqual({ members: ['mem_ada'], cookie: 'mem_ada' })
    return www
  }

  for (const next of ['mem_bob', 'mem_ada'])
    it(`deliver a sign-out late, and do not end the session that ${next} has begun meanwhile`, async () => {
      const www = await signedOutUntold()
      const app = await openOn(world.sibling.url)
      await signIn(app, next)
      const before = deletes()
      await load(www)
      expect(await stateOf(www)).toEqual(['signed-out', null])
      await expect.poll(deletes).toBe(before + 1)
      expect(await callAs(app)).toEqual([200, next])
      await load(app)
      await waitForEvent(app, 'signed-in')
      expect(await callAs(app)).toEqual([200, next])
      expect((await alive()).cookie).toBe(next)
      // It is delivered once. The next page of the site shows whom the cookie is of.
      await load(www)
      await waitForEvent(www, 'signed-in')
      expect(await callAs(www)).toEqual([200, next])
      expect(deletes()).toBe(before + 1)
    })

  it('deliver a sign-out late if the page was loaded again before it, and the cookie is still of that session', async () => {
    const www = await openOn(world.pages.url)
    await signIn(www, 'mem_ada')
    world.service.fault = () => ({ kind: 'reset' })
    await load(www)
    await signOut(www)
    world.service.fault = () => undefined
    await load(www)
    await expect.poll(alive).toEqual({ members: [], cookie: undefined })
    expect(await stateOf(www)).toEqual(['signed-out', null])
  })

  it('deliver a sign-out late only once if the cookie is gone by then', async () => {
    const www = await signedOutUntold()
    await world.context.clearCookies()
    const before = deletes()
    await load(www)
    await expect.poll(deletes).toBe(before + 1)
    await www.evaluate(() => navigator.locks.request('perennial', () => undefined))
    await load(www)
    await waitForEvent(www, 'signed-out')
    expect(deletes()).toBe(before + 1)
  })

  it('end the session that they show, and not that of the cookie, if the member signs out', async () => {
    const www = await openOn(world.pages.url)
    await signIn(www, 'mem_ada')
    const app = await openOn(world.sibling.url)
    await signIn(app, 'mem_bob')
    expect(await stateOf(www)).toEqual(['signed-in', 'mem_ada'])
    await signOut(www)
    expect(await alive()).toEqual({ members: ['mem_bob'], cookie: 'mem_bob' })
    expect(await callAs(app)).toEqual([200, 'mem_bob'])
  })

  it('end all sessions of the member that they show, and keep the cookie of another one', async () => {
    const www = await openOn(world.pages.url)
    await signIn(www, 'mem_ada')
    const app = await openOn(world.sibling.url)
    await signIn(app, 'mem_bob')
    await www.evaluate(() => window.session.signOutEverywhere())
    expect(await alive()).toEqual({ members: ['mem_bob'], cookie: 'mem_bob' })
    await load(app)
    await waitForEvent(app, 'signed-in')
    expect(await callAs(app)).toEqual([200, 'mem_bob'])
  })

  it('end the session of the cookie if the member signs out before the service has said who it is', async () => {
    const www = await openOn(world.pages.url)
    await signIn(www, 'mem_ada')
    const app = await openOn(world.sibling.url)
    await signIn(app, 'mem_ada')
    world.service.fault = (route) => (route.endsWith('/refresh-token') ? { kind: 'hang' } : undefined)
    await load(www)
    expect(await stateOf(www)).toEqual(['loading', null])
    await signOut(www)
    expect((await alive()).cookie).toBeUndefined()
  })

  it('keep the cookie of another member if Memberstack’s JWT is refused, or gone', async () => {
    const following = { place: 'cookie', options: { storage: 'cookie' } } as const
    world.service.refuses = (userId) => userId === 'mem_bob'
    for (const change of ['mem_bob', undefined]) {
      const jwt = world.service.memberJwt({ issuedAt: minuteAgo() })
      const www = await openFollowing(world, { ...following, jwt })
      await waitForEvent(www, 'signed-in')
      const app = await openOn(world.sibling.url)
      await signIn(app, 'mem_eve')
      const changed = change && world.service.memberJwt({ userId: change })
      await www.evaluate((jwt) => window.setJwt(jwt), changed)
      await www.reload()
      await follow(www, world, following)
      await expect.poll(() => stateOf(www)).toEqual(['signed-out', null])
      await expect.poll(deletes).toBeGreaterThan(0)
      expect((await alive()).cookie).toBe('mem_eve')
      expect(await callAs(app)).toEqual([200, 'mem_eve'])
      world.service.calls['DELETE /v1/auth/session'] = 0
      await signOut(app)
      await www.close()
    }
  })
})
