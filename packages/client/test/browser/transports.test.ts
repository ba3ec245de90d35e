import { expect, it } from 'vitest'
import { follow, openFollowing } from './following.js'
import { eventsOf, holdLock, openSession, waitForEvent } from './harness.js'
import { describeInBrowser } from './world.js'

describeInBrowser('the cookie transport', (world) => {
  const cookie = { storage: 'cookie' } as const

  it('starts loading, and is signed out if there is no cookie', async () => {
    const tab = await world.openTab(cookie)
    const token = tab.evaluate(() => [window.session.state.status, window.session.getAccessToken()][1])
    expect(await token).toBeNull()
    await waitForEvent(tab, 'signed-out')
    const state = await tab.evaluate(() => JSON.stringify(window.session.state))
    expect(JSON.parse(state)).toMatchObject({ status: 'signed-out', error: null })
  })

  it('stores no token, survives a reload, and shares one session between tabs', async () => {
    const tab = await world.openTab(cookie)
    await waitForEvent(tab, 'signed-out')
    await tab.evaluate((jwt) => window.session.signIn(jwt), world.service.memberJwt())
    const other = await world.openTab(cookie)
    expect(await other.evaluate(() => window.session.getAccessToken())).toMatch(/^ey/)
    // The other tab's message and the lock would come at the same time, so the lock is held until the message came.
    const letGo = await holdLock(other)
    await tab.reload()
    await tab.waitForFunction(() => 'client' in window)
    const first = await tab.evaluate(
      (options) => {
        window.events = []
        window.session = window.client.createSession(options)
        window.session.onChange((state, event) => window.events.push({ event, state }))
        return window.session.state.status
      },
      { ...cookie, serviceUrl: world.service.url },
    )
    expect(first).toBe('loading')
    await waitForEvent(tab, 'signed-in')
    await letGo()
    expect(await tab.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    expect(await eventsOf(tab)).toEqual(['signed-in'])
    expect(await tab.evaluate(() => JSON.stringify(localStorage))).not.toMatch(/ey|Token"/)
    expect(await tab.evaluate(() => document.cookie)).toBe('')
    const tokens = await Promise.all(
      [tab, other].map((page) => page.evaluate(() => window.session.getAccessToken())),
    )
    expect(tokens[0]).toBe(tokens[1])
    await other.evaluate(() => window.session.signOut())
    await waitForEvent(tab, 'signed-out')
    expect(await world.context.cookies(world.service.url)).toEqual([])
    expect(world.service.sessions.size).toBe(1)
  })

  it('costs no rotation per page load, nor a sign-in by Memberstack', { timeout: 90_000 }, async () => {
    const jwt = world.service.memberJwt()
    const tab = await openFollowing(world, { jwt, options: cookie })
    await waitForEvent(tab, 'signed-in')
    for (let load = 0; load < 12; load++) {
      await tab.reload()
      await follow(tab, world, { options: cookie })
      expect(await tab.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    }
    expect(world.service.rotations).toBe(0)
    expect(world.service.calls['POST /v1/auth/session']).toBe(1)
    // One call finds no cookie, and one is made by each page load.
    expect(world.refreshes()).toBe(1 + 12)
  })

  it('keeps a sign-in that begins before the answer to the first refresh', async () => {
    let letThrough = () => {}
    world.service.answersAfter = new Promise<void>((resolve) => (letThrough = resolve))
    const tab = await world.openTab(cookie)
    const status = tab.evaluate(
      async (jwt) => (await window.session.signIn(jwt)).status,
      world.service.memberJwt(),
    )
    // The page runs this after the sign-in has begun.
    expect(await tab.evaluate(() => window.session.state.status)).toBe('loading')
    letThrough()
    expect(await status).toBe('signed-in')
    expect(await tab.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    expect([...world.service.sessions.values()].map(({ ended }) => ended)).toEqual([false])
  })

  it('wipes tokens that an earlier version of the page stored, at its first refresh', async () => {
    // The stored token is old, and its page must not refresh it in the background.
    world.service.fault = () => ({ kind: 'reset' })
    const before = await world.signedIn({}, { ageSeconds: 3600 - 1 })
    expect(await before.evaluate(() => JSON.stringify(localStorage))).toContain('refreshToken')
    await before.close()
    world.service.fault = () => undefined
    const tab = await world.openTab(cookie)
    expect(await tab.evaluate(() => window.session.getAccessToken({ forceRefresh: true }))).toBeNull()
    expect(await tab.evaluate(() => window.session.state.status)).toBe('signed-out')
    expect(await tab.evaluate(() => JSON.stringify(localStorage))).not.toMatch(/ey|Token"/)
  })

  it('stays loading through an outage, and signs in afterwards', async () => {
    const tab = await world.openTab(cookie)
    await waitForEvent(tab, 'signed-out')
    await tab.evaluate((jwt) => window.session.signIn(jwt), world.service.memberJwt())
    let down = true
    world.service.fault = () => (down ? { kind: 'reset' } : undefined)
    const other = await world.context.newPage()
    await tab.close()
    await other.goto(world.pages.url)
    await other.waitForFunction(() => 'client' in window)
    await openSession(other, { ...cookie, serviceUrl: world.service.url, timeoutSeconds: 0.5 })
    await waitForEvent(other, 'stale')
    expect(await other.evaluate(() => window.session.state)).toMatchObject({ status: 'loading', stale: true })
    expect(await other.evaluate(() => window.session.getAccessToken().catch((error) => error.code))).toBe(
      'CLIENT_NETWORK',
    )
    down = false
    await waitForEvent(other, 'signed-in')
  })

  it('stays signed out after a reload if the sign-out did not reach the service', async () => {
    const tab = await world.openTab(cookie)
    await waitForEvent(tab, 'signed-out')
    await tab.evaluate((jwt) => window.session.signIn(jwt), world.service.memberJwt())
    world.service.fault = () => ({ kind: 'reset' })
    await tab.evaluate(() => window.session.signOut())
    world.service.fault = () => undefined
    await tab.reload()
    await tab.waitForFunction(() => 'client' in window)
    await openSession(tab, { ...cookie, serviceUrl: world.service.url })
    expect(await tab.evaluate(() => window.session.getAccessToken())).toBeNull()
    await expect.poll(() => world.context.cookies(world.service.url)).toEqual([])
  })
})

describeInBrowser('a plain page', (world) => {
  const page = (attributes: string, more = ''): string =>
    `<!doctype html><meta charset=utf-8>${more}<script defer src=/perennial.global.js ${attributes}></script><script type=module src=/page.js></script>`

  it('gets a session from a script tag, under a strict Content-Security-Policy', async () => {
    world.pages.headers = {
      'Content-Security-Policy': `default-src 'none'; script-src 'self'; connect-src 'self' ${world.service.url}; require-trusted-types-for 'script'`,
    }
    world.pages.pages['/plain'] = page(
      `data-perennial-url="${world.service.url}" data-perennial-api-origins="https://a.example, https://b.example"`,
    )
    const tab = await world.context.newPage()
    tab.on('console', (message) => world.said.push(message.text()))
    tab.on('pageerror', (error) => world.said.push(String(error)))
    await tab.goto(`${world.pages.url}/plain`)
    await tab.waitForFunction(() => 'client' in window)
    const changes = await tab.evaluate(async (pair) => {
      const { Perennial } = window
      const changes: unknown[] = []
      const { session } = Perennial
      if (!session) throw new Error('no session')
      addEventListener('perennial:change', (event) =>
        changes.push(event instanceof CustomEvent && event.detail),
      )
      await session.signIn(pair)
      return [Object.keys(Perennial).sort(), changes, (await session.fetch('/api/who')).status]
    }, world.service.pair())
    expect(changes).toEqual([
      ['PerennialError', 'createSession', 'isTokenExpiringSoon', 'session'],
      [{ event: 'signed-in', state: expect.objectContaining({ status: 'signed-in', userId: 'mem_ada' }) }],
      200,
    ])
    expect(JSON.stringify(changes)).not.toContain('ey')
  })

  it('follows a Memberstack script that loads later', async () => {
    const jwt = world.service.memberJwt()
    world.pages.pages['/plain'] = page(`data-perennial-url="${world.service.url}"`)
    const tab = await world.context.newPage()
    await tab.goto(`${world.pages.url}/plain`)
    await tab.waitForFunction(() => 'client' in window)
    const signedIn = await tab.evaluate(async (jwt) => {
      const { session } = window.Perennial
      if (!session) throw new Error('no session')
      const event = new Promise((resolve) => session.onChange((_state, event) => resolve(event)))
      window.$memberstackDom = { getMemberCookie: () => jwt, onAuthChange: () => ({ unsubscribe() {} }) }
      return [await event, session.state.userId]
    }, jwt)
    expect(signedIn).toEqual(['signed-in', 'mem_ada'])
  })

  it('has one session, and emits each event once, if the page contains the tag more than once', async () => {
    const tag = `<script defer src=/perennial.global.js data-perennial-url="${world.service.url}"></script>`
    world.pages.pages['/plain'] = page(`data-perennial-url="${world.service.url}"`, tag + tag)
    const tab = await world.context.newPage()
    await tab.goto(`${world.pages.url}/plain`)
    await tab.waitForFunction(() => 'client' in window)
    const seen = await tab.evaluate(async (jwt) => {
      const { session } = window.Perennial
      const script = document.createElement('script')
      script.src = '/perennial.global.js'
      const loaded = new Promise((resolve) => script.addEventListener('load', resolve))
      document.head.append(script)
      await loaded
      const events: string[] = []
      addEventListener('perennial:change', (event) =>
        events.push(event instanceof CustomEvent && event.detail.event),
      )
      await session?.signIn(jwt)
      await session?.signOut()
      return [window.Perennial.session === session, events]
    }, world.service.memberJwt())
    expect(seen).toEqual([true, ['signed-in', 'signed-out']])
    expect(world.service.calls['POST /v1/auth/session']).toBe(1)
  })

  it('is loading until the Memberstack script has loaded', async () => {
    world.pages.pages['/plain'] = page(`data-perennial-url="${world.service.url}"`)
    const tab = await world.context.newPage()
    await tab.goto(`${world.pages.url}/plain`)
    await tab.waitForFunction(() => 'client' in window)
    const seen = await tab.evaluate(async () => {
      const { session } = window.Perennial
      if (!session) throw new Error('no session')
      const before = session.state.status
      const event = new Promise((resolve) => session.onChange((_state, event) => resolve(event)))
      window.$memberstackDom = { getMemberCookie: () => undefined }
      return [before, await event, session.state.status]
    })
    expect(seen).toEqual(['loading', 'signed-out', 'signed-out'])
  })

  it('stores tokens where the tag says, and sends them to the origins that it lists', async () => {
    world.pages.pages['/plain'] = page(
      `data-perennial-url="${world.service.url}" data-perennial-storage="cookie" data-perennial-api-origins="https://a.example, ${world.pages.url.replace('127.0.0.1', 'localhost')}"`,
    )
    const seen: (string | undefined)[] = []
    world.pages.api = (request, response) => {
      response.setHeader('Access-Control-Allow-Origin', '*')
      response.setHeader('Access-Control-Allow-Headers', 'authorization')
      if (request.method !== 'OPTIONS') seen.push(request.headers.authorization)
      response.end('{}')
    }
    const tab = await world.context.newPage()
    await tab.goto(`${world.pages.url}/plain`)
    await tab.waitForFunction(() => 'client' in window)
    const kept = await tab.evaluate(async (jwt) => {
      await window.Perennial.session?.signIn(jwt)
      const elsewhere = location.origin.replace('127.0.0.1', 'localhost')
      await window.Perennial.session?.fetch(`${elsewhere}/api/who`)
      return JSON.stringify(localStorage)
    }, world.service.memberJwt())
    expect(kept).not.toMatch(/Token"/)
    expect(seen).toEqual([expect.stringMatching(/^Bearer ey/)])
    world.pages.pages['/plain'] = page(
      `data-perennial-url="${world.service.url}" data-perennial-storage="local"`,
    )
    const thrown = tab.waitForEvent('pageerror')
    await tab.reload()
    expect(String(await thrown)).toContain('data-perennial-storage is localStorage, memory or cookie')
  })

  it('has no session without data-perennial-url', async () => {
    world.pages.pages['/plain'] = page('')
    const tab = await world.context.newPage()
    await tab.goto(`${world.pages.url}/plain`)
    await tab.waitForFunction(() => 'client' in window)
    expect(await tab.evaluate(() => window.Perennial.session)).toBeUndefined()
  })

  it('learns what happened while it was in the back/forward cache', async () => {
    const tab = await world.signedIn({}, { ageSeconds: 600 })
    const other = await world.openTab()
    world.pages.pages['/elsewhere'] = '<!doctype html><title>elsewhere</title>'
    const leave = async (): Promise<void> => {
      await tab.goto(`${world.pages.url}/elsewhere`, { waitUntil: 'commit' })
      await expect.poll(() => tab.title()).toBe('elsewhere')
    }
    await leave()
    await other.evaluate(() => window.session.getAccessToken({ forceRefresh: true }))
    await tab.goBack({ waitUntil: 'commit' })
    await waitForEvent(tab, 'refreshed')
    expect(await tab.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    await leave()
    await other.evaluate(() => window.session.signOut())
    await tab.goBack({ waitUntil: 'commit' })
    await waitForEvent(tab, 'signed-out')
    // It was one page all the time, and was never loaded again.
    expect(await eventsOf(tab)).toEqual(['signed-in', 'refreshed', 'signed-out'])
    expect(world.refreshes()).toBe(1)
  })

  it('emits nothing after close(), and keeps the tokens', async () => {
    const tab = await world.signedIn()
    const other = await world.openTab()
    await tab.evaluate(() => window.session.close())
    await other.evaluate(() => window.session.signOut())
    await waitForEvent(other, 'signed-out')
    expect(await eventsOf(tab)).toEqual(['signed-in'])
  })
})
