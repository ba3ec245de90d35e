import { describe, expect, it } from 'vitest'
import { createSharedCountWatch } from './shared-counter.js'

function setUp() {
  const time = { now: 1_000 }
  const told: unknown[] = []
  const watch = createSharedCountWatch({ clock: () => time.now, onChange: (change) => told.push(change) })
  return { time, told, watch }
}

describe('createSharedCountWatch', () => {
  it('says nothing while all is well', () => {
    const { told, watch } = setUp()
    watch.answered()
    expect(told).toEqual([])
  })

  it('tells of the first failure at once, and of no other', () => {
    const { time, told, watch } = setUp()
    for (let failures = 0; failures < 1_000; failures += 1) {
      watch.failed()
      time.now += 60
    }
    expect(told).toEqual([{ counted: 'alone' }])
  })

  it('tells of the return with the first answer after ten seconds without a failure, and how long it took', () => {
    const { time, told, watch } = setUp()
    watch.failed()
    time.now += 50
    watch.failed()
    time.now += 9.9
    watch.answered()
    expect(told).toHaveLength(1)
    time.now += 0.1
    watch.answered()
    watch.answered()
    expect(told).toEqual([{ counted: 'alone' }, { counted: 'together', aloneSeconds: 60 }])
  })

  it('tells once of limiters that come and go', () => {
    const { time, told, watch } = setUp()
    for (let turns = 0; turns < 100; turns += 1) {
      watch.failed()
      time.now += 5
      watch.answered()
    }
    expect(told).toHaveLength(1)
  })

  it('tells of the next failure after a return', () => {
    const { time, told, watch } = setUp()
    for (let outages = 0; outages < 2; outages += 1) {
      watch.failed()
      time.now += 10
      watch.answered()
    }
    expect(told).toEqual([
      { counted: 'alone' },
      { counted: 'together', aloneSeconds: 10 },
      { counted: 'alone' },
      { counted: 'together', aloneSeconds: 10 },
    ])
  })

  it('does not wait for a clock that was set back', () => {
    const { time, told, watch } = setUp()
    watch.failed()
    time.now -= 3_600
    watch.answered()
    expect(told).toEqual([{ counted: 'alone' }, { counted: 'together', aloneSeconds: 0 }])
  })
})
