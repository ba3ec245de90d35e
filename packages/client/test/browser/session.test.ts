import { expect, it } from 'vitest'
import { eventsOf, openPage, waitForEvent } from './harness.js'
import { describeInBrowser } from './world.js'

describeInBrowser('the session of a page', (world) => {
  it('has one frozen state object until something changes, and shows a sign-out at once', async () => {
    const tab = await world.signedIn()
    world.service.fault = (route) => (route.startsWith('DELETE') ? { kind: 'hang' } : undefined)
    const seen = await tab.evaluate(async (jwt) => {
      const { session } = window
      const { state } = session
      const same: boolean[] = []
      await session.getAccessToken()
      await session.fetch('/api/who')
      await session.signIn('no.jwt.x').catch(() => undefined)
      session.onChange(() => undefined)()
      same.push(session.state === state, Object.isFrozen(state))
      const next = await session.signIn(jwt)
      same.push(next !== state, next === session.state, window.events.at(-1)?.state === next)
      void session.signOut()
      return [...same, session.state.status]
    }, world.service.memberJwt())
    expect(seen).toEqual([true, true, true, true, true, 'signed-out'])
  })

  it('calls each listener once for each event until it is unsubscribed, even if another listener throws', async () => {
    const tab = await world.openTab()
    const told = await tab.evaluate(
      async ({ pair, jwt }) => {
        const told: string[] = []
        const uncaught = new Promise<string>((resolve) => {
          addEventListener('error', (event) => (event.preventDefault(), resolve(event.message)))
        })
        const note = (_state: unknown, event: string): number => told.push(event)
        const stopOnce = window.session.onChange(() => {
          throw new Error('of the page')
        })
        const stopNote = window.session.onChange(note)
        window.session.onChange(note)
        await window.session.signIn(pair)
        stopOnce()
        stopNote()
        await window.session.signIn(jwt)
        return [...told, await uncaught]
      },
      { pair: world.service.pair(), jwt: world.service.memberJwt() },
    )
    expect(told).toEqual(['signed-in', 'signed-in', 'signed-in', 'Uncaught Error: of the page'])
  })

  it('emits events in the order in which they happened, even if a listener signs out', async () => {
    const tab = await world.openTab()
    const told = await tab.evaluate(async (pair) => {
      const told: string[] = []
      window.session.onChange((_state, event) => {
        if (event === 'signed-in') void window.session.signOut()
      })
      window.session.onChange(({ status }, event) => told.push(`${event}: ${status}`))
      await window.session.signIn(pair)
      await window.session.signOut()
      return told
    }, world.service.pair())
    expect(told).toEqual(['signed-in: signed-in', 'signed-out: signed-out'])
  })

  it('refreshes nothing by itself after close(), but still answers calls', async () => {
    await world.context.clock.install()
    const tab = await world.signedIn()
    await tab.evaluate(() => window.session.close())
    world.service.clockOffsetSeconds += 3700
    await tab.clock.runFor(3_700_000)
    expect(world.refreshes()).toBe(0)
    expect(await tab.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    expect(world.refreshes()).toBe(1)
    await tab.evaluate(() => window.session.signOut())
    expect(await tab.evaluate(() => [window.session.state.status, window.session.close()][0])).toBe(
      'signed-out',
    )
    expect(await eventsOf(tab)).toEqual(['signed-in', 'refreshed', 'signed-out'])
  })

  it('starts again after close() when it is subscribed to, as React does in StrictMode', async () => {
    const tab = await world.signedIn()
    const other = await world.openTab()
    await tab.evaluate(() => {
      const { session } = window
      session.onChange(() => undefined)()
      session.close()
      session.onChange((state, event) => window.events.push({ event, state }))
    })
    await other.evaluate(() => window.session.signOut())
    await waitForEvent(tab, 'signed-out')
    const again = await tab.evaluate((serviceUrl) => {
      window.session.close()
      window.session = window.client.createSession({ serviceUrl })
      window.events = []
      window.session.onChange((state, event) => window.events.push({ event, state }))
      return window.session.state.status
    }, world.service.url)
    expect(again).toBe('signed-out')
    await other.evaluate((pair) => window.session.signIn(pair), world.service.pair())
    await waitForEvent(tab, 'signed-in')
  })

  for (const storage of ['localStorage', 'cookie', 'memory'] as const)
    it(`shows the member, lists the sessions and ends them all: ${storage}`, async () => {
      const tab = await world.openTab({ storage })
      await tab.evaluate((jwt) => window.session.signIn(jwt), world.service.memberJwt())
      const elsewhere = world.service.pair()
      world.service.pair({ userId: 'mem_bob' })
      const seen = await tab.evaluate(async () => {
        const { state } = window.session
        const sessions = await window.session.listSessions()
        return { user: state.user, isFrozen: Object.isFrozen(state.user), sessions }
      })
      expect(seen.user).toEqual({ userId: 'mem_ada', email: 'mem_ada@exämple.com', roles: ['user'] })
      expect(seen.isFrozen).toBe(true)
      expect(seen.sessions.map(({ current }) => `${current}`).toSorted()).toEqual(['false', 'true'])
      expect(Object.keys(seen.sessions[0] ?? {}).toSorted()).toEqual(
        ['createdAt', 'current', 'id', 'lastUsedAt', 'userAgent'].toSorted(),
      )
      // A failure ends nothing, and says so.
      const error = JSON.stringify({ error: 'no', code: 'AUTH_UNAVAILABLE', retryable: true })
      world.service.fault = (route) =>
        route.endsWith('/sessions') ? { kind: 'answer', status: 503, body: error } : undefined
      const failed = await tab.evaluate(() =>
        window.session.signOutEverywhere().catch((error) => [error.code, window.session.state.status]),
      )
      expect(failed).toEqual(['AUTH_UNAVAILABLE', 'signed-in'])
      world.service.fault = () => undefined
      await tab.evaluate(() => window.session.signOutEverywhere())
      expect(await tab.evaluate(() => window.session.state)).toMatchObject({
        status: 'signed-out',
        user: null,
        error: null,
      })
      const [id = ''] = elsewhere.refreshToken.split('.')
      expect(world.service.sessions.get(id)?.ended).toBe(true)
      const ended = [...world.service.sessions.values()].map(({ userId, ended }) => `${userId} ${ended}`)
      expect(ended.toSorted()).toEqual(['mem_ada true', 'mem_ada true', 'mem_bob false'])
      const refused = await tab.evaluate(() => window.session.listSessions().catch((error) => error.code))
      expect(refused).toMatch(/^AUTH_/)
    })

  it('is shared by the sessions of a page with one storageKey, of any characters, and by no other', async () => {
    const storageKey = 'ключ "1"\n/?#%🗝'
    const tab = await world.openTab({ storageKey })
    const seen = await tab.evaluate(
      async ({ options, pair }) => {
        const { createSession } = window.client
        const same = createSession(options)
        const other = createSession({ serviceUrl: options.serviceUrl })
        const signedIn = new Promise((resolve) => same.onChange(resolve))
        await window.session.signIn(pair)
        await signedIn
        const tokens = await Promise.all([window.session, same].map((session) => session.getAccessToken()))
        return [tokens[0] === tokens[1], other.state.status, Object.keys(localStorage)]
      },
      { options: { serviceUrl: world.service.url, storageKey }, pair: world.service.pair() },
    )
    expect(seen).toEqual([true, 'signed-out', [storageKey]])
    const later = await world.openTab({ storageKey })
    expect(await later.evaluate(() => window.session.state.userId)).toBe('mem_ada')
    await later.evaluate(() => window.session.signOut())
    await waitForEvent(tab, 'signed-out')
  })

  it('starts signed out if the stored value is not a record', async () => {
    const tab = await openPage(world.context, world.pages.url, world.said)
    for (const kept of [
      '',
      '{',
      'null',
      '7',
      '"text"',
      '[]',
      '{}',
      '{"seq":"x"}',
      '{"accessToken":"a.b.c"}',
    ]) {
      const status = await tab.evaluate(
        ({ kept, serviceUrl }) => {
          localStorage.setItem('perennial', kept)
          const session = window.client.createSession({ serviceUrl })
          const { status } = session.state
          session.close()
          return status
        },
        { kept, serviceUrl: world.service.url },
      )
      expect(status, kept).toBe('signed-out')
    }
  })

  it('continues in its tabs if the storage is cleared, and the next page gets it from them', async () => {
    const tab = await world.signedIn({}, { ageSeconds: 3600 })
    await tab.evaluate(() => localStorage.clear())
    expect(await tab.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    await tab.evaluate(() => localStorage.clear())
    const other = await world.openTab()
    await waitForEvent(other, 'signed-in')
    expect(await other.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    expect(world.refreshes()).toBe(1)
  })

  it('uses the given fetch for the service and for calls', async () => {
    const tab = await openPage(world.context, world.pages.url, world.said)
    const called = await tab.evaluate(
      async ({ serviceUrl, pair }) => {
        const called: string[] = []
        const session = window.client.createSession({
          serviceUrl,
          fetch(input, init) {
            called.push(new URL(input instanceof Request ? input.url : input).pathname)
            return window.fetch(input, init)
          },
        })
        await session.signIn(pair)
        await session.fetch('/api/who')
        await session.fetch(new Request('/api/who'))
        return called
      },
      { serviceUrl: world.service.url, pair: world.service.pair({ ageSeconds: 3600 }) },
    )
    expect(called).toEqual(['/v1/auth/refresh-token', '/api/who', '/api/who'])
  })
})
