import type { IncomingMessage } from 'node:http'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { follow, openFollowing, type Following } from './following.js'
import { eventsOf, waitForEvent } from './harness.js'
import { describeInBrowser, type World } from './world.js'

const storages = ['localStorage', 'cookie', 'memory'] as const
const minuteAgo = (): number => Math.floor(Date.now() / 1000) - 60

/** Returns the member of a request's token. */
function memberOf({ headers }: IncomingMessage): string | null {
  const payload = headers.authorization?.split('.')[1]
  return payload ? JSON.parse(Buffer.from(payload, 'base64url').toString()).sub : null
}

/** Records the member of each call of the API, by path. */
function recordMembers(world: World): { path: string; member: string | null }[] {
  const seen: { path: string; member: string | null }[] = []
  world.pages.api = world.sibling.api = (request, response) => {
    seen.push({ path: request.url ?? '', member: memberOf(request) })
    world.service.api(request, response)
  }
  return seen
}

const returnTo = (page: Page): Promise<unknown> =>
  page.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })))
const stateOf = (page: Page) =>
  page.evaluate(() => {
    const { status, userId, user } = window.session.state
    return { status, userId, user }
  })
const call = (page: Page, path: string): Promise<unknown> =>
  page.evaluate(
    (path) =>
      window.session.fetch(path).then(
        ({ status }) => status,
        (error) => error.code,
      ),
    path,
  )
/** Waits until the page holds no lock and writes nothing, so that the browser can keep it in the back/forward cache. */
const settled = (page: Page): Promise<unknown> =>
  page.evaluate(async () => {
    await navigator.locks.request('perennial', () => undefined)
    const isIdle = async (): Promise<boolean> => {
      const { held = [], pending = [] } = await navigator.locks.query()
      return held.length + pending.length === 0
    }
    while (!(await isIdle())) await new Promise(requestAnimationFrame)
    await new Promise<void>((resolve) => {
      const opening = indexedDB.open('perennial')
      opening.onupgradeneeded = () => opening.transaction?.abort()
      opening.addEventListener('error', () => resolve())
      opening.onsuccess = () => {
        const transaction = opening.result.transaction('perennial', 'readwrite')
        transaction.oncomplete = () => resolve()
        opening.result.close()
      }
    })
  })
const nobody = { userId: null, user: null }

describeInBrowser('one member at a time', (world) => {
  for (const storage of storages) {
    const options = { storage }
    const jwtOf = (userId: string, issuedAt?: number): string =>
      world.service.memberJwt({ userId, ...(issuedAt && { issuedAt }) })
    /** Opens `www` as Ada; then she signs out on `app` and Bob signs in there, without a report on `www`. */
    const switchOnSibling = async (): Promise<{ www: Page; app: Page; following: Following }> => {
      const following: Following = { place: 'cookie', options }
      const www = await openFollowing(world, { ...following, jwt: jwtOf('mem_ada', minuteAgo()) })
      await waitForEvent(www, 'signed-in')
      const app = await openFollowing(world, { ...following, url: world.sibling.url })
      await waitForEvent(app, 'signed-in')
      await app.evaluate(() => window.report(undefined, null))
      await waitForEvent(app, 'signed-out')
      await app.evaluate((jwt) => window.report(jwt, {}), jwtOf('mem_bob'))
      return { www, app, following }
    }

    it(`does not use the old session if a sibling origin changed the member: ${storage}`, async () => {
      const seen = recordMembers(world)
      const { www, app } = await switchOnSibling()
      await waitForEvent(app, 'signed-in', 2)
      // A call that begins while the page shows Ada is rejected; the next one is Bob's.
      expect(await call(www, '/api/first')).toBe('CLIENT_MEMBER_CHANGED')
      expect((await stateOf(www)).userId).not.toBe('mem_ada')
      expect(await call(www, '/api/second')).toBe(200)
      expect(await stateOf(www)).toMatchObject({ status: 'signed-in', userId: 'mem_bob' })
      expect(seen).toEqual([{ path: '/api/second', member: 'mem_bob' }])
      expect(await eventsOf(www)).toEqual(['signed-in', 'signed-out', 'signed-in'])
    })

    it(`signs the old member out if the exchange for the new one is refused: ${storage}`, async () => {
      const seen = recordMembers(world)
      world.service.refuses = (userId) => userId === 'mem_bob'
      const { www, following } = await switchOnSibling()
      await returnTo(www)
      await expect.poll(async () => (await stateOf(www)).status).toBe('signed-out')
      expect(await stateOf(www)).toEqual({ status: 'signed-out', ...nobody })
      expect(await www.evaluate(() => window.session.state.error?.code)).toBe('AUTH_ROLE_INSUFFICIENT')
      expect(await call(www, '/api/refused')).toBe(401)
      await www.reload()
      await follow(www, world, following)
      expect(await call(www, '/api/reloaded')).toBe(401)
      expect(await stateOf(www)).toEqual({ status: 'signed-out', ...nobody })
      expect(seen.map(({ member }) => member)).toEqual([null, null])
      const own = [...world.service.sessions.values()].filter(({ userId }) => userId === 'mem_ada')
      await expect.poll(() => own.every(({ ended }) => ended)).toBe(true)
    })

    it(`shows nobody while the exchange for the new member waits for the service, also after a reload: ${storage}`, async () => {
      const seen = recordMembers(world)
      const { www, app, following } = await switchOnSibling()
      await waitForEvent(app, 'signed-in', 2)
      world.service.fault = () => ({ kind: 'reset' })
      await returnTo(www)
      expect(await stateOf(www)).toEqual({ status: 'loading', ...nobody })
      await www.reload()
      await follow(www, world, { ...following, options: { ...options, timeoutSeconds: 1 } })
      expect(await stateOf(www)).toEqual({ status: 'loading', ...nobody })
      expect(await call(www, '/api/away')).toBe('CLIENT_NETWORK')
      world.service.fault = () => undefined
      await www.evaluate(() => dispatchEvent(new Event('online')))
      await waitForEvent(www, 'signed-in')
      expect(await call(www, '/api/back')).toBe(200)
      expect(seen).toEqual([{ path: '/api/back', member: 'mem_bob' }])
    })

    it(`returns the first 401 if another member signed in during the call: ${storage}`, async () => {
      const tab = await openFollowing(world, { options })
      await tab.evaluate((jwt) => window.session.signIn(jwt), jwtOf('mem_ada', minuteAgo()))
      // A tab of its own with `memory` has a session of its own, so the change happens in the same tab there.
      const other = storage === 'memory' ? tab : await openFollowing(world, { options })
      const seen: (string | null)[] = []
      let refuse = (): void => undefined
      world.pages.api = (request, response) => {
        seen.push(memberOf(request))
        refuse = () => response.writeHead(401).end('{"code":"AUTH_TOKEN_REVOKED"}')
      }
      const status = tab.evaluate(async () => {
        const answer = await window.session.fetch('/api/slow', { method: 'POST', body: 'of Ada' })
        return answer.status
      })
      await expect.poll(() => seen).toHaveLength(1)
      await other.evaluate(() => window.session.signOut())
      await other.evaluate((jwt) => window.session.signIn(jwt), jwtOf('mem_bob'))
      await expect.poll(async () => (await stateOf(tab)).userId).toBe('mem_bob')
      refuse()
      expect(await status).toBe(401)
      expect(seen).toEqual(['mem_ada'])
    })

    it(`rejects calls that waited for a token of the old member: ${storage}`, async () => {
      const seen = recordMembers(world)
      world.service.lifetimeSeconds = 2
      const tab = await openFollowing(world, { options: { ...options, refreshJitterSeconds: 0 } })
      await tab.evaluate((jwt) => window.session.signIn(jwt), jwtOf('mem_ada', minuteAgo()))
      const isAway = (route: string): boolean => route.endsWith('/refresh-token')
      world.service.fault = (route) => (isAway(route) ? { kind: 'reset' } : undefined)
      await waitForEvent(tab, 'stale')
      const expired = async (): Promise<boolean> =>
        tab.evaluate(() => (window.session.state.expiresAtMs ?? 0) < Date.now() - 1000)
      await expect.poll(expired).toBe(true)
      expect(await stateOf(tab)).toMatchObject({ status: 'signed-in', userId: 'mem_ada' })
      world.service.lifetimeSeconds = 3600
      const outcome = tab.evaluate(async (jwt) => {
        const code = (error: { code: string }): string => error.code
        const waiting = [
          window.session.fetch('/api/of-ada', { method: 'POST', body: 'x' }).catch(code),
          window.session.getAccessToken().catch(code),
          window.session.getAccessToken({ forceRefresh: true }).catch(code),
        ]
        await window.session.signIn(jwt)
        return Promise.all(waiting)
      }, jwtOf('mem_bob'))
      expect(await outcome).toEqual(Array.from({ length: 3 }, () => 'CLIENT_MEMBER_CHANGED'))
      expect(await call(tab, '/api/of-bob')).toBe(200)
      expect(seen).toEqual([{ path: '/api/of-bob', member: 'mem_bob' }])
    })

    it(`emits signed-in, and never refreshed, for another member, in every tab: ${storage}`, async () => {
      const tabs = await Promise.all([1, 2].map(() => openFollowing(world, { options })))
      const [tab, other] = tabs
      if (!tab || !other) throw new Error('no tabs')
      await tab.evaluate((jwt) => window.session.signIn(jwt), jwtOf('mem_ada', minuteAgo()))
      await tab.evaluate((jwt) => window.session.signIn(jwt), jwtOf('mem_bob'))
      for (const each of storage === 'memory' ? [tab] : tabs) {
        await expect.poll(async () => (await stateOf(each)).userId).toBe('mem_bob')
        const events = (await eventsOf(each)).filter((event) => event !== 'signed-out')
        expect(events.at(-1)).toBe('signed-in')
        expect(events).not.toContain('refreshed')
        expect((await stateOf(each)).user).toEqual({
          userId: 'mem_bob',
          email: 'mem_bob@exämple.com',
          roles: ['user'],
        })
      }
    })

    it(`shows nothing of the old member on Back from a page that signed out, or in another: ${storage}`, async () => {
      const seen = recordMembers(world)
      const following: Following = { options }
      for (const next of [undefined, 'mem_bob']) {
        const tab = await openFollowing(world, following)
        await tab.evaluate((jwt) => window.session.signIn(jwt), jwtOf('mem_ada', minuteAgo()))
        await tab.evaluate(() => void Object.assign(window, { isSamePage: true }))
        await settled(tab)
        await tab.goto(`${world.pages.url}/next`)
        await follow(tab, world, following)
        await expect.poll(async () => (await stateOf(tab)).status).not.toBe('loading')
        await tab.evaluate(() => window.session.signOut())
        if (next) await tab.evaluate((jwt) => window.session.signIn(jwt), jwtOf(next))
        await tab.goBack({ waitUntil: 'commit' })
        await expect.poll(() => tab.evaluate(() => 'isSamePage' in window)).toBe(true)
        expect((await stateOf(tab)).userId).not.toBe('mem_ada')
        await call(tab, '/api/back')
        // With `memory` the next page had a session of its own.
        const member = storage === 'memory' ? null : (next ?? null)
        expect((await stateOf(tab)).userId).toBe(member)
        expect(seen.splice(0)).toEqual([{ path: '/api/back', member }])
        await tab.evaluate(() => window.session.signOut())
        await tab.close()
      }
    })
  }

  it('takes the member of the cookie that a sibling origin has set, as signed-in', async () => {
    const seen = recordMembers(world)
    const options = { serviceUrl: world.service.url, storage: 'cookie' } as const
    const www = await world.openTab({ storage: 'cookie' })
    await www.evaluate(
      (jwt) => window.session.signIn(jwt),
      world.service.memberJwt({ issuedAt: minuteAgo() }),
    )
    const app = await world.context.newPage()
    await app.goto(world.sibling.url)
    await app.waitForFunction(() => 'client' in window)
    await app.evaluate((options) => void (window.session = window.client.createSession(options)), options)
    expect(await app.evaluate(() => window.session.getAccessToken())).toMatch(/^ey/)
    await app.evaluate(() => window.session.signOut())
    await app.evaluate((jwt) => window.session.signIn(jwt), world.service.memberJwt({ userId: 'mem_bob' }))
    // Ada's token is refused, and the refresh brings Bob: the 401 is the answer, and nothing is sent as Bob.
    expect(await call(www, '/api/of-ada')).toBe(401)
    expect(await stateOf(www)).toMatchObject({ status: 'signed-in', userId: 'mem_bob' })
    expect(await eventsOf(www)).toEqual(['signed-out', 'signed-in', 'signed-in'])
    expect(await call(www, '/api/of-bob')).toBe(200)
    expect(seen).toEqual([
      { path: '/api/of-ada', member: 'mem_ada' },
      { path: '/api/of-bob', member: 'mem_bob' },
    ])
  })

  it('ignores an older pair of the session held', async () => {
    const tab = await world.openTab()
    const older = world.service.pair({ ageSeconds: 600 })
    await tab.evaluate((pair) => window.session.signIn(pair), older)
    await tab.evaluate(() => window.session.getAccessToken({ forceRefresh: true }))
    expect(await call(tab, '/api/who')).toBe(200)
    await tab.evaluate((pair) => window.session.signIn(pair), older)
    expect(await eventsOf(tab)).toEqual(['signed-in', 'refreshed'])
    const other = await world.openTab()
    await other.evaluate((pair) => window.session.signIn(pair), older)
    for (const each of [tab, other]) expect(await call(each, '/api/who')).toBe(200)
    expect(world.service.thefts).toBe(0)
  })
})
