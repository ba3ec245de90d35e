import { describe, expect, it } from 'vitest'
import { createFakeTime } from './fake-time.js'

describe('fake time', () => {
  it('runs timers in the order in which they are due, at their time', async () => {
    const time = createFakeTime(100)
    const runs: [string, number][] = []
    const note = (name: string) => () => void runs.push([name, time.now])
    time.timer(5, note('late'))
    time.timer(2, () => time.timer(1, note('nested')))
    time.timer(9, note('not due'))
    time.timer(1, note('stopped'))()
    await time.pass(5)
    expect(runs).toEqual([
      ['nested', 103],
      ['late', 105],
    ])
    expect([time.clock(), time.pending()]).toEqual([105, 1])
  })

  it('runs a ticker once, however much time passes, and waits for the work that it starts', async () => {
    const time = createFakeTime()
    let done = 0
    const stop = time.ticker(2, () => {
      setImmediate(() => setImmediate(() => (done += 1)))
    })
    await time.pass(1)
    expect(done).toBe(0)
    await time.pass(1_000)
    expect(done).toBe(1)
    stop()
    await time.pass(1_000)
    expect(done).toBe(1)
  })

  it('sets the clock without a timer noticing, and passes until work has settled', async () => {
    const time = createFakeTime(100)
    const work = new Promise<number>((resolve) => time.timer(3, () => resolve(time.now)))
    time.setClock(50)
    await time.passUntil(work)
    expect(await work).toBe(53)
  })
})
