import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { eventsOf, openPage, openSession, waitForEvent } from './harness.js'
import { describeInBrowser, type World } from './world.js'

const hour = 3600

/** The step of the clocks, in seconds. It is shorter than a call's time limit, which would expire otherwise. */
const stepSeconds = 15

/** Opens a tab whose clock is stopped at the given time. */
async function openAt(world: World, timeMs: number, options = {}): Promise<Page> {
  await world.context.clock.install({ time: timeMs })
  const page = await openPage(world.context, world.pages.url, world.said)
  await openSession(page, { serviceUrl: world.service.url, timeoutSeconds: 200, ...options })
  return page
}

/** Advances both clocks in steps, and waits for the answers in between, so that a call takes no time. */
async function run(world: World, page: Page, seconds: number): Promise<void> {
  for (let done = 0; done < seconds; done += stepSeconds) {
    world.service.clockOffsetSeconds += stepSeconds
    await page.clock.runFor(stepSeconds * 1000)
    if (world.refreshes()) await waitForEvent(page, 'refreshed', world.refreshes())
  }
}

/** Advances both clocks, the page's and the service's, in steps of a minute, with a call in each. */
async function pass(
  world: World,
  page: Page,
  seconds: number,
  each?: (minute: number) => Promise<void>,
): Promise<void> {
  for (let minute = 0; minute < seconds / 60; minute++) {
    await run(world, page, 60)
    await page.evaluate(async () => (await window.session.fetch('/api/who')).status)
    await each?.(minute)
  }
}

describeInBrowser('time', (world) => {
  it('refreshes by itself 300 to 330 s before expiry, and not before', async () => {
    const page = await openAt(world, Date.now())
    await page.evaluate((jwt) => window.session.signIn(jwt), world.service.memberJwt())
    world.service.clockOffsetSeconds += 3240
    await page.clock.runFor(3_240_000)
    expect(world.refreshes()).toBe(0)
    await run(world, page, 90)
    await waitForEvent(page, 'refreshed')
    expect(world.refreshes()).toBe(1)
  })

  it('never refreshes before half of a short life', async () => {
    world.service.lifetimeSeconds = 60
    const page = await openAt(world, Date.now())
    await page.evaluate((jwt) => window.session.signIn(jwt), world.service.memberJwt())
    await run(world, page, 15)
    expect(await page.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    expect(world.refreshes()).toBe(0)
    await run(world, page, 10)
    await waitForEvent(page, 'refreshed')
    expect(world.refreshes()).toBe(1)
  })

  it('asks a service whose tokens are old when they come every 10 s, and no more', async () => {
    world.service.ageSeconds = 3500
    const page = await openAt(world, Date.now())
    const pair = world.service.pair({ ageSeconds: 3500 })
    await page.evaluate((given) => window.session.signIn(given), pair)
    await waitForEvent(page, 'refreshed', 1)
    for (let passed = 0; passed < 30; passed += 5) {
      world.service.clockOffsetSeconds += 5
      await page.clock.runFor(5000)
      await waitForEvent(page, 'refreshed', 1 + Math.floor((passed + 5) / 10))
    }
    expect(await page.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
    expect(world.refreshes()).toBe(4)
  })

  it('answers calls at once near expiry, while one refresh runs in the background', async () => {
    let letThrough = () => {}
    world.service.answersAfter = new Promise<void>((resolve) => (letThrough = resolve))
    const page = await world.signedIn(
      { refreshBeforeExpirySeconds: 300, refreshJitterSeconds: 0 },
      { ageSeconds: 3400 },
    )
    const tokens = await page.evaluate(() =>
      Promise.all([1, 2, 3].map(() => window.session.getAccessToken())),
    )
    expect(new Set(tokens).size).toBe(1)
    letThrough()
    await waitForEvent(page, 'refreshed')
    expect(await page.evaluate(() => window.session.getAccessToken())).not.toBe(tokens[0])
    expect(world.refreshes()).toBe(1)
  })

  it('refreshes once on waking if the token expired during sleep', async () => {
    const page = await openAt(world, Date.now())
    await page.evaluate((jwt) => window.session.signIn(jwt), world.service.memberJwt())
    world.service.clockOffsetSeconds += 8 * hour
    await page.clock.fastForward(8 * hour * 1000)
    const answers = await page.evaluate(() =>
      Promise.all(Array.from({ length: 20 }, async () => (await window.session.fetch('/api/who')).status)),
    )
    expect(new Set(answers)).toEqual(new Set([200]))
    expect(world.refreshes()).toBe(1)
    expect(await eventsOf(page)).toEqual(['signed-in', 'refreshed'])
  })

  for (const [name, wrongSeconds] of [
    ['right', 0],
    ['two hours ahead', 2 * hour],
    ['two hours behind', -2 * hour],
  ] as const) {
    for (const exposeDate of [true, false]) {
      it(`costs no refresh if the clock is ${name}, with${exposeDate ? '' : 'out'} the service's Date`, async () => {
        world.service.exposeDate = exposeDate
        const page = await openAt(world, Date.now() + wrongSeconds * 1000)
        await page.evaluate((jwt) => window.session.signIn(jwt), world.service.memberJwt())
        await pass(world, page, hour)
        expect(world.refreshes()).toBe(1)
        await page.reload()
        await page.waitForFunction(() => 'client' in window)
        await openSession(page, { serviceUrl: world.service.url })
        expect(await page.evaluate(async () => (await window.session.fetch('/api/who')).status)).toBe(200)
        expect(world.refreshes()).toBe(1)
      })
    }
  }

  for (const [name, jumps] of [
    ['ahead', { 20: 2 * hour }],
    ['back', { 20: -2 * hour }],
    ['ahead and back', { 10: 2 * hour, 30: -2 * hour, 40: 2 * hour }],
  ] as const) {
    it(`costs at most one more refresh in an hour if the clock jumps ${name}`, async () => {
      const page = await openAt(world, Date.now())
      await page.evaluate((jwt) => window.session.signIn(jwt), world.service.memberJwt())
      const byMinute: Partial<Record<number, number>> = jumps
      await pass(world, page, hour, async (minute) => {
        const jump = byMinute[minute]
        if (jump === undefined) return
        const nowMs = await page.evaluate(() => Date.now())
        await page.clock.setSystemTime(nowMs + jump * 1000)
      })
      expect(world.refreshes()).toBeLessThanOrEqual(2)
      expect(await page.evaluate(() => window.session.state)).toMatchObject({
        status: 'signed-in',
        stale: false,
      })
    })
  }

  it('adopts a fresh pair without a refresh if the clock is behind', async () => {
    const page = await openAt(world, Date.now() - 2 * hour * 1000)
    await page.evaluate((pair) => window.session.signIn(pair), world.service.pair())
    await pass(world, page, 600)
    expect(world.refreshes()).toBe(0)
  })
})
