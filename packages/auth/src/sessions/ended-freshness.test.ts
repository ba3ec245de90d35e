import { setTimeout } from 'node:timers/promises'
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
  // Nor does it make the question that is under way an old one.
  const another = freshness.catchUp()
  asked[1]?.answer()
  await after
  await another
  expect(asked).toHaveLength(2)
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

it('asks a store that fails again for the time of the patience', async () => {
  const { freshness, asked, untilAsked } = setUp(60)
  const caughtUp = freshness.catchUp()
  for (const turn of [1, 2, 3]) {
    await untilAsked(turn)
    if (turn < 3) asked.at(-1)?.fail()
  }
  asked.at(-1)?.answer()
  await caughtUp
  expect(asked).toHaveLength(3)
  expect(freshness.catchUp()).toBeNull()
})

it('asks again after a failure that a stop may have caused, also if the patience is over', async () => {
  const { freshness, asked, untilAsked, pass } = setUp(0)
  const caughtUp = freshness.catchUp()
  await untilAsked(1)
  pass(2)
  asked[0]?.fail()
  await untilAsked(2)
  asked[1]?.answer()
  await caughtUp
  expect(freshness.catchUp()).toBeNull()
})

it('waits for a store that is slow to answer, however short the patience is', async () => {
  const { freshness, asked, untilAsked } = setUp(0)
  let isDone = false
  const caughtUp = freshness.catchUp()?.then(() => (isDone = true))
  await untilAsked(1)
  // A limit of 0 s would be over by now.
  await setTimeout(5)
  expect(isDone).toBe(false)
  asked[0]?.answer()
  await caughtUp
})

it('reads a list that is old by the time it is there once more, and then uses it', async () => {
  const { freshness, asked, untilAsked, pass } = setUp(0)
  const caughtUp = freshness.catchUp()
  for (const turn of [1, 2]) {
    await untilAsked(turn)
    pass(2)
    asked.at(-1)?.answer()
  }
  await caughtUp
  expect(asked).toHaveLength(2)
  expect(freshness.catchUp()).not.toBeNull()
})

it('takes a list for old from 2 s on, and from a clock that was set back', () => {
  const { freshness, pass } = setUp(0)
  freshness.noteComplete(1_000)
  pass(1.9)
  expect(freshness.catchUp()).toBeNull()
  pass(-1.9)
  expect(freshness.catchUp()).toBeNull()
  pass(-0.1)
  expect(freshness.catchUp()).not.toBeNull()
  pass(2.1)
  expect(freshness.catchUp()).not.toBeNull()
})
