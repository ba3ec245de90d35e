import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { eventsOf, holdLock, openPage, waitForEvent } from './harness.js'
import { describeInBrowser, type PlainOptions } from './world.js'

/** Makes 50 calls in each tab at the moment of a sign-in with an expired token. Returns the statuses. */
async function callFromAll(
  tabs: Page[],
  pair: { accessToken: string; refreshToken: string },
): Promise<number[]> {
  const answers = Promise.all(
    tabs.map((tab) =>
      tab.evaluate(async () => {
        await new Promise((resolve) => window.session.onChange(resolve))
        const calls = Array.from({ length: 50 }, () => window.session.fetch('/api/who'))
        return Promise.all(calls.map(async (call) => (await call).status))
      }),
    ),
  )
  await tabs[0]?.evaluate((pair) => window.session.signIn(pair), pair)
  return (await answers).flat()
}

const all200 = (count: number): number[] => Array.from({ length: count }, () => 200)

describeInBrowser('several tabs of one browser', (world) => {
  it('make one refresh of 50 parallel calls in each of 5 tabs with an expired token', async () => {
    world.service.delayMs = 50
    const tabs = await world.openTabs(5)
    expect(await callFromAll(tabs, world.service.pair({ ageSeconds: 3600 }))).toEqual(all200(250))
    expect(world.refreshes()).toBe(1)
    for (const tab of tabs) expect(await eventsOf(tab)).toEqual(['signed-in', 'refreshed'])
  })

  it('lose no session without Web Locks: the grace of the service lets their refreshes converge', async () => {
    await world.context.addInitScript(() => {
      Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })
    })
    world.service.graceSeconds = 30
    world.service.delayMs = 50
    const tabs = await world.openTabs(3)
    expect(await callFromAll(tabs, world.service.pair({ ageSeconds: 3600 }))).toEqual(all200(150))
    expect(world.refreshes()).toBeLessThanOrEqual(3)
    expect([...world.service.sessions.values()].map(({ ended }) => ended)).toEqual([false])
    for (const tab of tabs) expect(await tab.evaluate(() => window.session.state.status)).toBe('signed-in')
  })

  it('use storage events if there is no BroadcastChannel', async () => {
    await world.context.addInitScript(() => {
      Object.defineProperty(window, 'BroadcastChannel', { value: undefined })
    })
    const tabs = await world.openTabs(3)
    expect(await callFromAll(tabs, world.service.pair({ ageSeconds: 3600 }))).toEqual(all200(150))
    expect(world.refreshes()).toBe(1)
    await tabs[1]?.evaluate(() => window.session.signOut())
    for (const tab of tabs) await waitForEvent(tab, 'signed-out')
  })

  it('store the sign-out again if a tab that did not know of it has stored its refresh later', async () => {
    const one = await world.openTab()
    const other = await world.openTab()
    await one.evaluate((pair) => window.session.signIn(pair), world.service.pair())
    await waitForEvent(other, 'signed-in')
    const record = await other.evaluate(() => localStorage.getItem('perennial') ?? '')
    await one.evaluate(() => window.session.signOut())
    await waitForEvent(other, 'signed-out')
    // As a tab does that gets the answer to its refresh before it gets the news.
    await other.evaluate((record) => localStorage.setItem('perennial', record), record)
    const stored = () => one.evaluate(() => localStorage.getItem('perennial'))
    await expect.poll(stored).not.toContain('accessToken')
    expect(record).toContain('accessToken')
  })

  it('all emit a sign-in and a sign-out, after which no token is stored', async () => {
    const tabs = await world.openTabs(3)
    await tabs[0]?.evaluate((jwt) => window.session.signIn(jwt), world.service.memberJwt())
    for (const tab of tabs) await waitForEvent(tab, 'signed-in')
    await tabs[1]?.evaluate(() => window.session.signOut())
    for (const tab of tabs) {
      await waitForEvent(tab, 'signed-out')
      expect(await eventsOf(tab)).toEqual(['signed-in', 'signed-out'])
      expect(await tab.evaluate(() => window.session.state.error)).toBeNull()
      expect(await tab.evaluate(() => window.session.getAccessToken())).toBeNull()
      expect(await tab.evaluate(() => JSON.stringify(localStorage))).not.toContain('Token')
    }
    expect([...world.service.sessions.values()].map(({ ended }) => ended)).toEqual([true])
  })

  /** Opens a tab that holds the lock while the service does not answer, and a tab that waits for the lock. */
  const openWaiting = async (options: PlainOptions = {}): Promise<[Page, Page]> => {
    const holder = await world.openTab(options)
    let asked = (): void => undefined
    const refreshing = new Promise<void>((resolve) => {
      asked = resolve
    })
    world.service.fault = () => {
      asked()
      return { kind: 'hang' }
    }
    await holder.evaluate(
      (pair) => void window.session.signIn(pair),
      world.service.pair({ ageSeconds: 3600 }),
    )
    await refreshing
    world.service.fault = () => undefined
    const waiting = await world.openTab(options)
    expect(await waiting.evaluate(() => window.session.state.status)).toBe('signed-in')
    return [holder, waiting]
  }

  it('continue within seconds if the tab that holds the lock is closed', async () => {
    const [killed, other] = await openWaiting()
    const startedAt = Date.now()
    const status = other.evaluate(async () => (await window.session.fetch('/api/who')).status)
    await killed.close()
    expect(await status).toBe(200)
    expect(Date.now() - startedAt).toBeLessThan(3000)
    expect([...world.service.sessions.values()].map(({ ended }) => ended)).toEqual([false])
  })

  it('continue in time if the tab that holds the lock is frozen, and it resumes with the same session', async () => {
    const [frozen, other] = await openWaiting({ timeoutSeconds: 4 })
    const devtools = await world.context.newCDPSession(frozen)
    await devtools.send('Page.setWebLifecycleState', { state: 'frozen' })
    expect(await other.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    await devtools.send('Page.setWebLifecycleState', { state: 'active' })
    await waitForEvent(frozen, 'refreshed')
    expect(await frozen.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    expect([...world.service.sessions.values()].map(({ ended }) => ended)).toEqual([false])
  })

  it('ask at once about a token of another tab that is refused, while their own attempt waits for that tab', async () => {
    // The wait for the lock ends at seven tenths of this time.
    const [first, second] = await world.openTabs(2, { timeoutSeconds: 28 })
    if (!first || !second) throw new Error('no tabs')
    await first.evaluate((pair) => window.session.signIn(pair), world.service.pair({ ageSeconds: 60 }))
    await waitForEvent(second, 'signed-in')
    // The tab that refreshes keeps the lock for a moment longer. Here it does until it is told.
    await second.evaluate(() => {
      const later = setTimeout
      const isLockHold = (ms?: number) => ms === 100
      Object.assign(window, {
        setTimeout: (run: () => void, ms?: number) =>
          isLockHold(ms) ? document.addEventListener('let-go', run) : later(run, ms),
      })
    })
    const pending = () => first.evaluate(async () => (await navigator.locks.query()).pending?.length)
    const letGo = await holdLock(first)
    for (const [index, tab] of [second, first].entries()) {
      await tab.evaluate(() => void window.session.getAccessToken({ forceRefresh: true }))
      await expect.poll(pending).toBe(index + 1)
    }
    await letGo()
    await waitForEvent(first, 'refreshed')
    expect(await pending()).toBe(1)

    for (const session of world.service.sessions.values()) session.ended = true
    let refusals = 0
    world.pages.api = (_, response) => {
      refusals += 1
      response.writeHead(401).end('{"code":"AUTH_TOKEN_REVOKED"}')
    }
    const answer = first.evaluate(async () => (await window.session.fetch('/api/x')).status)
    await expect.poll(() => refusals).toBe(1)
    await first.evaluate(async () => void (await fetch('/api/after')))
    await second.evaluate(() => document.dispatchEvent(new Event('let-go')))
    expect(await answer).toBe(401)
    expect(await first.evaluate(() => window.session.state.status)).toBe('signed-out')
  })

  it('keep a sign-out that comes while a refresh is under way', async () => {
    const [first, second] = await world.openTabs(2)
    if (!first || !second) throw new Error('no tabs')
    let letThrough = () => {}
    world.service.answersAfter = new Promise<void>((resolve) => (letThrough = resolve))
    let asked = (): void => undefined
    const refreshing = new Promise<void>((resolve) => (asked = resolve))
    world.service.fault = () => (asked(), undefined)
    await first.evaluate((pair) => window.session.signIn(pair), world.service.pair({ ageSeconds: 3600 }))
    const token = first.evaluate(() => window.session.getAccessToken())
    await refreshing
    const signedOut = second.evaluate(() => window.session.signOut())
    for (const tab of [first, second]) await waitForEvent(tab, 'signed-out')
    // The service handles the refresh, and answers with tokens, before it gets the sign-out.
    letThrough()
    await signedOut
    expect(await token).toBeNull()
    // The refreshing tab holds the lock until it has handled the answer.
    await first.evaluate(() => navigator.locks.request('perennial', () => undefined))
    expect(world.service.rotations).toBe(1)
    for (const tab of [first, second]) {
      expect(await eventsOf(tab)).toEqual(['signed-in', 'signed-out'])
      expect(await tab.evaluate(() => JSON.stringify(localStorage))).not.toContain('Token')
    }
    expect([...world.service.sessions.values()].map(({ ended }) => ended)).toEqual([true])
  })

  it('each have their own session with memory storage, and if localStorage throws', async () => {
    const [first, second] = await world.openTabs(2, { storage: 'memory' })
    await first?.evaluate((pair) => window.session.signIn(pair), world.service.pair({ ageSeconds: 3600 }))
    expect(await first?.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    expect(await second?.evaluate(() => window.session.state.status)).toBe('signed-out')
    await world.context.addInitScript(() => {
      Object.defineProperty(window, 'localStorage', {
        get() {
          throw new DOMException('denied', 'SecurityError')
        },
      })
    })
    const denied = await world.signedIn({}, { ageSeconds: 3600 })
    expect(await denied.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    expect(await second?.evaluate(() => window.session.state.status)).toBe('signed-out')
  })

  it('continue if the storage is full', async () => {
    const [first, second] = await world.openTabs(2)
    await first?.evaluate(() => {
      Storage.prototype.setItem = () => {
        throw new DOMException('full', 'QuotaExceededError')
      }
    })
    await first?.evaluate((pair) => window.session.signIn(pair), world.service.pair({ ageSeconds: 3600 }))
    expect(await first?.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    expect(await second?.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
  })

  it('continue, and can sign out, if the storage is denied while they are open', async () => {
    const tab = await world.openTab()
    await tab.evaluate(() => {
      const denied = (): never => {
        throw new DOMException('denied', 'SecurityError')
      }
      Object.assign(Storage.prototype, { getItem: denied, setItem: denied, removeItem: denied })
    })
    await tab.evaluate((pair) => window.session.signIn(pair), world.service.pair({ ageSeconds: 3600 }))
    expect(await tab.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    await tab.evaluate(() => window.session.signOut())
    expect(await eventsOf(tab)).toEqual(['signed-in', 'refreshed', 'signed-out'])
  })

  it('find the session of an earlier page in a storage that is full', async () => {
    const first = await world.signedIn()
    await first.evaluate(() => {
      for (let size = 2 ** 23; size >= 1; size /= 2)
        try {
          localStorage.setItem(String(size), 'x'.repeat(size))
        } catch {
          // Half of it may still fit.
        }
    })
    expect(
      await first.evaluate(() => {
        try {
          return localStorage.setItem('ten-letters', '')
        } catch (error) {
          return error instanceof Error && error.name
        }
      }),
    ).toBe('QuotaExceededError')
    await first.close()
    const second = await world.openTab()
    expect(await second.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    expect(await second.evaluate(() => window.session.state.status)).toBe('signed-in')
  })

  it('do not overwrite a stored record that is newer than theirs', async () => {
    const tab = await world.signedIn()
    const newest = await tab.evaluate(() => {
      const kept = JSON.parse(localStorage.getItem('perennial') ?? '')
      // Written by another tab, whose message has not arrived yet.
      localStorage.setItem(
        'perennial',
        JSON.stringify({ ...kept, seq: kept.seq + 1, refreshToken: 'newest' }),
      )
      return kept.seq + 1
    })
    const waking = await openPage(world.context, world.pages.url, world.said)
    const told = await waking.evaluate(async () => {
      const channel = new BroadcastChannel('perennial')
      const answer = new Promise<number>((resolve) => {
        channel.addEventListener('message', ({ data }) => resolve(data.seq))
      })
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none
      channel.postMessage({ seq: 0, offsetSeconds: 0 })
      return answer
    })
    expect(told).toBe(newest)
    expect(await waking.evaluate(() => localStorage.getItem('perennial'))).toContain('newest')
  })

  it('hold the session of the later of two concurrent sign-ins', async () => {
    const tab = await world.openTab()
    const jwts = ['mem_bob', 'mem_ada'].map((userId) => world.service.memberJwt({ userId }))
    await tab.evaluate((jwts) => Promise.all(jwts.map((jwt) => window.session.signIn(jwt))), jwts)
    expect(await tab.evaluate(() => window.session.state.userId)).toBe('mem_ada')
    expect(await eventsOf(tab)).toEqual(['signed-in', 'signed-in'])
  })

  it('adopt the newest record that any tab has', async () => {
    const first = await world.signedIn()
    const kept = await first.evaluate(() => localStorage.getItem('perennial') ?? '')
    await first.evaluate(() => window.session.signOut())
    // Another process of the browser may see the old value for a moment.
    await first.evaluate((kept) => localStorage.setItem('perennial', kept), kept)
    const second = await world.openTab()
    await waitForEvent(second, 'signed-out')
    expect(await second.evaluate(() => JSON.stringify(localStorage))).not.toContain('Token')
  })
})
