import { describe, expect, it } from 'vitest'
import { createMemoryCounter } from './limit-counter.js'

const policy = { name: 'ip', quota: 3, windowSeconds: 60 } as const

function setUp(maxKeys?: number) {
  const time = { now: 1_000 }
  return { time, counter: createMemoryCounter(policy, { clock: () => time.now, maxKeys }) }
}

describe('createMemoryCounter', () => {
  it('starts a window with the first count of a key and ends it exactly 60 seconds later', () => {
    const { time, counter } = setUp()
    expect(counter.count('a')).toEqual({ count: 1, resetSeconds: 60 })
    time.now += 59
    expect(counter.count('a')).toEqual({ count: 2, resetSeconds: 1 })
    time.now += 1
    expect(counter.count('a')).toEqual({ count: 1, resetSeconds: 60 })
  })

  it('counts keys apart', () => {
    const { counter } = setUp()
    counter.count('a')
    expect(counter.count('b').count).toBe(1)
  })

  it('keeps a window that began just before the generations turned', () => {
    const { time, counter } = setUp()
    counter.count('first')
    time.now += 59
    counter.count('a')
    time.now += 2
    counter.count('turns the generations')
    expect(counter.count('a')).toEqual({ count: 2, resetSeconds: 58 })
    time.now += 58
    expect(counter.count('a').count).toBe(1)
  })

  it('never holds more keys than allowed under a flood, and goes on counting those that come again', () => {
    const { counter } = setUp(1_000)
    let largest = 0
    for (let i = 0; i < 100_000; i += 1) {
      counter.count(`flood ${i}`)
      largest = Math.max(largest, counter.size)
      if (i % 400 === 0) counter.count('hostile')
    }
    expect(largest).toBeLessThanOrEqual(1_000)
    expect(counter.count('flood 99999').count).toBe(2)
  })

  it('lets go of what is over as time passes, with no timer', () => {
    const { time, counter } = setUp()
    for (let i = 0; i < 1_000; i += 1) counter.count(`early ${i}`)
    time.now += 60
    counter.count('x')
    time.now += 60
    counter.count('y')
    expect(counter.size).toBe(2)
  })

  it('opens a new window when the clock is set back, so that nobody waits for it to catch up', () => {
    const { time, counter } = setUp()
    for (let i = 0; i < 10; i += 1) counter.count('a')
    time.now -= 3_600
    expect(counter.count('a')).toEqual({ count: 1, resetSeconds: 60 })
  })
})
