import { describe, expect, it } from 'vitest'
import { createFakeTime } from '../../test/kit/fake-time.js'
import type { Observation } from '../telemetry/index.js'
import { createStoreClock } from './store-clock.js'

function setUp(aheadSeconds: number) {
  const time = createFakeTime()
  const seen: Observation[] = []
  const machine = { ahead: aheadSeconds }
  const store = { isAway: false }
  const followed = createStoreClock({
    clock: () => time.now + machine.ahead,
    telemetry: { observe: (observation) => void seen.push(observation) },
    ticker: time.ticker,
  })
  const readTime = async () => {
    if (store.isAway) throw new Error('away')
    return time.now
  }
  const news = () =>
    seen.splice(0).flatMap((entry) => (entry.kind === 'clock' && entry.isNews ? [entry] : []))
  return { time, machine, store, followed, follow: () => followed.follow({ name: 'store:', readTime }), news }
}

describe('createStoreClock', () => {
  it.each([310, -86_400])('reports a clock that differs by %d s once, and leaves it alone', async (ahead) => {
    const { time, followed, follow, news } = setUp(ahead)
    await follow()
    for (let turn = 0; turn < 10; turn += 1) await time.pass(10)
    expect(news()).toMatchObject([{ host: 'store:', differs: true }])
    expect(followed.clock()).toBe(time.now + ahead)
  })

  it.each([29, -29, 290, -290])(
    'corrects a clock that differs by %d s, and reports it once',
    async (ahead) => {
      const { time, followed, follow, news } = setUp(ahead)
      await follow()
      expect(Math.abs(followed.clock() - time.now)).toBeLessThan(0.1)
      const [first, ...others] = news()
      expect(first).toMatchObject({ host: 'store:', differs: true })
      expect(first?.aheadSeconds).toBeCloseTo(ahead, 1)
      for (let turn = 0; turn < 10; turn += 1) await time.pass(10)
      expect([...others, ...news()]).toEqual([])
      expect(Math.abs(followed.clock() - time.now)).toBeLessThan(0.1)
    },
  )

  it('leaves a clock alone that differs by less than a second', async () => {
    const { time, followed, follow, news } = setUp(0.8)
    await follow()
    expect(followed.clock()).toBe(time.now + 0.8)
    expect(news()).toEqual([])
  })

  it('notices a clock that is set while it runs, and one that is right again', async () => {
    const { time, machine, followed, follow, news } = setUp(0)
    await follow()
    machine.ahead = 40
    await time.pass(10)
    expect(Math.abs(followed.clock() - time.now)).toBeLessThan(0.1)
    expect(news()).toMatchObject([{ differs: true }])
    machine.ahead = 0
    await time.pass(10)
    expect(followed.clock()).toBe(time.now)
    expect(news()).toMatchObject([{ differs: false }])
  })

  it('keeps the last correction while the store is away, and measures when it is back', async () => {
    const { time, store, machine, followed, follow } = setUp(29)
    store.isAway = true
    await follow()
    expect(followed.clock()).toBe(time.now + 29)
    store.isAway = false
    await time.pass(10)
    expect(Math.abs(followed.clock() - time.now)).toBeLessThan(0.1)
    store.isAway = true
    machine.ahead = 30
    await time.pass(100)
    expect(Math.abs(followed.clock() - time.now - 1)).toBeLessThan(0.1)
  })

  it('does nothing for a store without a clock of its own, and stops when it is closed', async () => {
    const { time, machine, followed, follow } = setUp(0)
    await followed.follow({ name: 'memory:' })
    expect(followed.clock()).toBe(time.now)
    await follow()
    followed.close()
    machine.ahead = 50
    await time.pass(100)
    expect(followed.clock()).toBe(time.now + 50)
  })
})
