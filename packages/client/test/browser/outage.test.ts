import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { eventsOf, openPage, waitForEvent } from './harness.js'
import type { Fault } from './honest-service.js'
import { describeInBrowser } from './world.js'

declare global {
  interface Window {
    /** The number of outages that the tabs have told each other. */
    heard: number
  }
}

const answer = (status: number, body: unknown, headers: Record<string, string> = {}): Fault => ({
  kind: 'answer',
  status,
  body: typeof body === 'string' ? body : JSON.stringify(body),
  headers: { 'Content-Type': typeof body === 'string' ? 'text/html' : 'application/json', ...headers },
})
/** Returns the `state.error` of a tab. */
const errorOf = (tab: Page): Promise<unknown> =>
  tab.evaluate(() => JSON.parse(JSON.stringify(window.session.state.error)))

const refused = { error: 'no', code: 'AUTH_TOKEN_REFRESH_FAILED', retryable: false }

const troubles: Record<string, Fault> = {
  'a connection that is reset': { kind: 'reset' },
  'an answer that is lost after the work was done': { kind: 'lost' },
  'no answer at all': { kind: 'hang' },
  '503 with Retry-After': answer(503, { ...refused, retryable: true }, { 'Retry-After': '1' }),
  '502': answer(502, { ...refused, retryable: true }),
  '500 without a code': answer(500, { error: 'oops' }),
  '502 as HTML': answer(502, '<h1>Bad gateway</h1>'),
  '429': answer(429, { error: 'no', code: 'AUTH_RATE_LIMITED', retryable: true }, { 'Retry-After': '1' }),
  '401 as HTML': answer(401, '<h1>Log in to the hotel</h1>'),
  '401 without a code': answer(401, { error: 'no' }),
  '401 of a gateway, with a code of its own': answer(401, { code: 'UNAUTHORIZED', message: 'no' }),
  '401 that is retryable': answer(401, { ...refused, retryable: true }),
  '400 with another code': answer(400, { error: 'no', code: 'AUTH_INTERNAL_ERROR' }),
  '403': answer(403, { error: 'no', code: 'AUTH_ORIGIN_DENIED' }),
  '404': answer(404, { error: 'no', code: 'AUTH_NOT_FOUND' }),
  '413': answer(413, { error: 'no', code: 'AUTH_REQUEST_TOO_LARGE' }),
  '200 as HTML (a captive portal)': answer(200, '<h1>Welcome to the airport</h1>'),
  '200 with half a JSON': answer(200, '{"accessToken":"ey'),
  '200 with null': answer(200, 'null'),
  '200 with a code': answer(200, refused),
  '200 with a token that cannot be read': answer(200, { accessToken: 'opaque' }),
  '302 to elsewhere': answer(302, '', { Location: 'http://127.0.0.1:9/' }),
  'an empty answer': answer(200, ''),
}

describeInBrowser('an outage', (world) => {
  for (const [name, fault] of Object.entries(troubles)) {
    it(`does not sign out: ${name}`, async () => {
      const tab = await world.openTab({ timeoutSeconds: 0.5 })
      let faulty = true
      world.service.fault = () => (faulty ? fault : undefined)
      await tab.evaluate((pair) => window.session.signIn(pair), world.service.pair({ ageSeconds: 3600 }))
      const error = await tab.evaluate(() =>
        window.session.getAccessToken().catch((error) => ({
          name: error.name,
          retryable: error.retryable,
          status: error.status,
          known: error instanceof window.client.PerennialError,
        })),
      )
      expect(error).toMatchObject({ name: 'PerennialError', retryable: true, known: true })
      expect(await tab.evaluate(() => window.session.state)).toMatchObject({
        status: 'signed-in',
        stale: true,
      })
      faulty = false
      await tab.evaluate(() => dispatchEvent(new Event('online')))
      await waitForEvent(tab, 'refreshed')
      expect(await eventsOf(tab)).toEqual(['signed-in', 'stale', 'refreshed'])
      expect(await tab.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
      expect(await tab.evaluate(() => window.session.state)).toMatchObject({ stale: false, error: null })
    })
  }

  it('leaves a valid token usable at once, and emits stale once in every tab', async () => {
    const tabs = await world.openTabs(2, { refreshJitterSeconds: 0 })
    world.service.fault = () => answer(503, { ...refused, retryable: true })
    await tabs[0]?.evaluate((pair) => window.session.signIn(pair), world.service.pair({ ageSeconds: 3500 }))
    for (const tab of tabs) await waitForEvent(tab, 'stale')
    for (const tab of tabs) {
      const startedAt = Date.now()
      expect(await tab.evaluate(() => window.session.getAccessToken())).toEqual(expect.any(String))
      expect(Date.now() - startedAt).toBeLessThan(1000)
      expect(await errorOf(tab)).toMatchObject({
        code: 'AUTH_TOKEN_REFRESH_FAILED',
        status: 503,
        retryable: true,
      })
    }
    world.service.fault = () => undefined
    for (const tab of tabs) {
      await waitForEvent(tab, 'refreshed')
      expect(await eventsOf(tab)).toEqual(['signed-in', 'stale', 'refreshed'])
    }
  })

  it('is told to the other tabs once, by the tab that saw it', async () => {
    const tabs = await world.openTabs(3)
    const page = await openPage(world.context, world.pages.url, world.said)
    await page.evaluate(() => {
      window.heard = 0
      new BroadcastChannel('perennial').addEventListener('message', ({ data }) => {
        if ('stale' in data) window.heard += 1
      })
    })
    world.service.fault = () => answer(503, { ...refused, retryable: true }, { 'Retry-After': '60' })
    await tabs[0]?.evaluate((pair) => window.session.signIn(pair), world.service.pair({ ageSeconds: 3500 }))
    for (const tab of tabs) await waitForEvent(tab, 'stale')
    // Messages of a tab come in their order: what the tabs said before this one has come too.
    for (const tab of tabs)
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none
      await tab.evaluate(() => new BroadcastChannel('perennial').postMessage({ stale: ['end', 503, true] }))
    await expect.poll(() => page.evaluate(() => window.heard)).toBeGreaterThanOrEqual(4)
    expect(await page.evaluate(() => window.heard)).toBe(4)
  })

  it('is retried no sooner than Retry-After, in any tab', async () => {
    const tabs = await world.openTabs(2)
    world.service.fault = () => answer(503, { ...refused, retryable: true }, { 'Retry-After': '2' })
    await tabs[0]?.evaluate((pair) => window.session.signIn(pair), world.service.pair({ ageSeconds: 3500 }))
    for (const tab of tabs) await waitForEvent(tab, 'stale')
    world.service.fault = () => undefined
    for (const tab of tabs) await tab.evaluate(() => dispatchEvent(new Event('online')))
    for (const tab of tabs) await waitForEvent(tab, 'refreshed')
    const [first = 0, second = 0] = world.service.refreshedAtMs
    expect(second - first).toBeGreaterThanOrEqual(2000)
    expect(world.refreshes()).toBe(2)
  })

  it(
    'is over for calls as soon as the service is back, however long it was away',
    { timeout: 120_000 },
    async () => {
      await world.context.clock.install()
      const tab = await world.openTab()
      world.service.fault = () => ({ kind: 'reset' })
      await tab.evaluate((pair) => window.session.signIn(pair), world.service.pair({ ageSeconds: 3600 }))
      for (let minute = 0; minute < 4; minute++)
        for (let step = 0; step < 4; step++) {
          await tab.clock.runFor(15_000)
          world.service.clockOffsetSeconds += 15
        }
      expect(await tab.evaluate(() => window.session.state.stale)).toBe(true)
      world.service.fault = () => undefined
      // Whatever the back-off says: each call of eight, made at any time, is answered.
      const statuses = await tab.evaluate(() =>
        Promise.all(Array.from({ length: 8 }, async () => (await window.session.fetch('/api/who')).status)),
      )
      expect(statuses).toEqual(Array.from({ length: 8 }, () => 200))
    },
  )

  it('lasts 60 s at most after a Retry-After of a day, and calls honour it until then', async () => {
    await world.context.clock.install()
    const tab = await world.openTab({ timeoutSeconds: 5 })
    world.service.fault = () => answer(503, { ...refused, retryable: true }, { 'Retry-After': '86400' })
    await tab.evaluate((pair) => window.session.signIn(pair), world.service.pair({ ageSeconds: 3500 }))
    await waitForEvent(tab, 'stale')
    const error = await errorOf(tab)
    expect(error).toMatchObject({ retryAfterSeconds: 86_400 })
    world.service.fault = () => undefined
    const asked = world.refreshes()
    await tab.clock.runFor(30_000)
    await tab.evaluate(() => window.session.getAccessToken())
    expect(world.refreshes()).toBe(asked)
    await tab.clock.runFor(31_000)
    await waitForEvent(tab, 'refreshed')
    expect(world.refreshes()).toBe(asked + 1)
  })

  it('does not hold up the calls of a visitor of whom no session is known', async () => {
    const seen: (string | undefined)[] = []
    world.pages.api = (request, response) => {
      seen.push(request.headers.authorization)
      response.end('{}')
    }
    world.service.fault = () => ({ kind: 'reset' })
    const tab = await world.openTab({ storage: 'cookie' })
    const startedAt = Date.now()
    const call = (): Promise<number> =>
      tab.evaluate(async () => (await window.session.fetch('/api/public')).status)
    expect(await call()).toBe(200)
    await waitForEvent(tab, 'stale')
    for (let i = 0; i < 3; i++) expect(await call()).toBe(200)
    // Well below the ten seconds that a call of a member waits.
    expect(Date.now() - startedAt).toBeLessThan(8000)
    expect(seen).toEqual([undefined, undefined, undefined, undefined])
    // A token is asked for expressly: that waits, and rejects.
    const member = await world.openTab({ storage: 'cookie', timeoutSeconds: 0.5 })
    const code = await member.evaluate(() => window.session.getAccessToken().catch((error) => error.code))
    expect(code).toBe('CLIENT_NETWORK')
  })

  it('makes a call wait for the retries, until one succeeds', async () => {
    const tab = await world.openTab()
    let left = 2
    world.service.fault = () => (left-- > 0 ? answer(502, '<h1>no</h1>') : undefined)
    await tab.evaluate((pair) => window.session.signIn(pair), world.service.pair({ ageSeconds: 3600 }))
    expect(await tab.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    expect(world.refreshes()).toBe(3)
  })

  it('of the network ends as soon as the browser is online again', async () => {
    await world.context.clock.install()
    const tab = await world.openTab()
    await tab.evaluate(() => void (Math.random = () => 0.999))
    await tab.evaluate((pair) => window.session.signIn(pair), world.service.pair({ ageSeconds: 3000 }))
    await world.context.setOffline(true)
    await tab.evaluate(
      () => void window.session.getAccessToken({ forceRefresh: true }).catch(() => undefined),
    )
    await waitForEvent(tab, 'stale')
    // By now the pause between two attempts is a minute, which the test does not wait for.
    for (let step = 0; step < 8; step++) await tab.clock.runFor(15_000)
    await world.context.setOffline(false)
    await waitForEvent(tab, 'refreshed')
    expect(await eventsOf(tab)).toEqual(['signed-in', 'stale', 'refreshed'])
  })

  it('rejects a call with CLIENT_NETWORK if the service cannot be reached', async () => {
    const tab = await world.openTab({ timeoutSeconds: 1 })
    await world.context.setOffline(true)
    const error = await tab.evaluate(
      (pair) =>
        window.session
          .signIn(pair)
          .then(() => window.session.getAccessToken())
          .catch((error) => ({ ...error })),
      world.service.pair({ ageSeconds: 3600 }),
    )
    expect(error).toEqual({ name: 'PerennialError', code: 'CLIENT_NETWORK', status: 0, retryable: true })
    await world.context.setOffline(false)
  })

  for (const [status, body] of [
    [401, refused],
    [401, { error: 'no', code: 'AUTH_TOKEN_REVOKED' }],
    [400, { error: 'no', code: 'AUTH_TOKEN_MISSING' }],
  ] as const) {
    it(`is not assumed at ${status} ${body.code}: every tab signs out, and state.error has the code`, async () => {
      const tabs = await world.openTabs(2)
      world.service.fault = () => answer(status, body)
      await tabs[0]?.evaluate((pair) => window.session.signIn(pair), world.service.pair({ ageSeconds: 3600 }))
      for (const tab of tabs) {
        await waitForEvent(tab, 'signed-out')
        const state = await tab.evaluate(() => window.session.state)
        expect(state).toMatchObject({ status: 'signed-out', stale: false, userId: null, expiresAtMs: null })
        expect(await errorOf(tab)).toMatchObject({ code: body.code, status, retryable: false })
        expect(await tab.evaluate(() => window.session.getAccessToken())).toBeNull()
        expect(await tab.evaluate(() => JSON.stringify(localStorage))).not.toContain('Token"')
      }
      expect(world.refreshes()).toBe(1)
    })
  }

  it('does not end a session if a sign-in fails, and signIn rejects with the code', async () => {
    const tab = await world.signedIn()
    for (const [fault, expected] of [
      [
        answer(401, { error: 'no', code: 'AUTH_TOKEN_INVALID' }),
        { code: 'AUTH_TOKEN_INVALID', status: 401, retryable: false },
      ],
      [answer(404, { error: 'no', code: 'AUTH_NOT_FOUND' }), { code: 'AUTH_NOT_FOUND', status: 404 }],
      [
        answer(429, { error: 'no', code: 'AUTH_RATE_LIMITED', retryable: true }, { 'Retry-After': '7' }),
        { code: 'AUTH_RATE_LIMITED', retryAfterSeconds: 7, retryable: true },
      ],
      [{ kind: 'reset' } as const, { code: 'CLIENT_NETWORK', status: 0, retryable: true }],
    ] as const) {
      world.service.fault = () => fault
      const error = await tab.evaluate(
        (jwt) => window.session.signIn(jwt).catch((error) => ({ ...error })),
        world.service.memberJwt(),
      )
      expect(error).toMatchObject(expected)
    }
    expect(await tab.evaluate(() => window.session.signIn().catch((error) => error.code))).toBe(
      'CLIENT_NO_MEMBER',
    )
    expect(await eventsOf(tab)).toEqual(['signed-in'])
    expect(await tab.evaluate(() => window.session.state)).toMatchObject({
      status: 'signed-in',
      stale: false,
    })
  })

  it('does not prevent a sign-out, and signOut does not reject', async () => {
    const tab = await world.signedIn()
    world.service.fault = () => ({ kind: 'reset' })
    await tab.evaluate(() => window.session.signOut())
    expect(await eventsOf(tab)).toEqual(['signed-in', 'signed-out'])
  })
})
