import { expect, it } from 'vitest'
import { createEndedFreshness } from './ended-freshness.js'

/** A store whose answers the test gives by hand, and the clock of a process that may be stopped. */
function setUp(patienceSeconds = 0) {
  let now = 1_000
  const asked: { answer: () => void; fail: () => void }[] = []
  const waiting: (() => void)[] = []
  const sync = () =>
    new Promise<void>((resolve, reject) => {
      asked.push({ answer: resolve, fail: () => reject(new Error('closed')) })
      for (const notify of waiting.splice(0)) notify()
    })
  const untilAsked = async (count: number) => {
    while (asked.length < count) await new Promise<void>((resolve) => waiting.push(resolve))
  }
  const freshness = createEndedFreshness({ sync, clock: () => now, patienceSeconds })
  return { freshness, asked, untilAsked, pass: (seconds: number) => (now += seconds) }
}

it('asks again after a stop, although a question of before it is under way', async () => {
  const { freshness, asked, untilAsked, pass } = setUp()
  const before = freshness.renew()
  await untilAsked(1)
  pass(3_600)
  let isKnown = false
  const after = freshness.catchUp()?.then(() => (isKnown = true))
  await untilAsked(2)
  // What the store said before the stop proves nothing now.
  asked[0]?.answer()
  await before
  expect(isKnown).toBe(false)
  expect(freshness.catchUp()).not.toBeNull()
  asked[1]?.answer()
  await after
  expect(freshness.catchUp()).toBeNull()
})

it('asks again after a stop in which the connection was closed', async () => {
  const { freshness, asked, untilAsked, pass } = setUp(60)
  void freshness.renew()
  await untilAsked(1)
  pass(3_600)
  asked[0]?.fail()
  await untilAsked(2)
  const caughtUp = freshness.catchUp()
  expect(caughtUp).not.toBeNull()
  await untilAsked(3)
  for (const { answer } of asked.slice(1)) answer()
  await caughtUp
  expect(freshness.catchUp()).toBeNull()
})

it('lets the old list be used while the store does not answer', async () => {
  const { freshness, asked, untilAsked } = setUp()
  const caughtUp = freshness.catchUp()
  await untilAsked(1)
  asked[0]?.fail()
  await caughtUp
  expect(freshness.catchUp()).toBeNull()
})
