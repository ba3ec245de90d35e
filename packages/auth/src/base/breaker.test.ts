import { beforeEach, describe, expect, it } from 'vitest'

import { createBreaker, type Attempt, type Breaker } from './breaker.js'

describe('createBreaker', () => {
  let now: number
  let breaker: Breaker
  const begin = (): Attempt => {
    const attempt = breaker.begin()
    if ('retryAfterSeconds' in attempt) throw new Error('the circuit is open')
    return attempt
  }
  const fail = (times: number) => {
    for (let time = 0; time < times; time += 1) begin().failed()
  }

  beforeEach(() => {
    now = 1_000
    breaker = createBreaker({ failureThreshold: 3, openSeconds: 5, clock: () => now })
  })

  it('stays closed below so many failures in a row', () => {
    fail(2)
    begin().succeeded()
    fail(2)

    expect(breaker.begin()).not.toHaveProperty('retryAfterSeconds')
  })

  it('opens at so many failures in a row, and says for how long', () => {
    fail(3)

    expect(breaker.begin()).toEqual({ retryAfterSeconds: 5 })
    now += 4.5
    expect(breaker.begin()).toEqual({ retryAfterSeconds: 1 })
  })

  it('lets one call through when the time is over, and turns others away meanwhile', () => {
    fail(3)
    now += 5

    begin()

    expect(breaker.begin()).toEqual({ retryAfterSeconds: 1 })
  })

  it('closes when the trial succeeds, and counts from nought again', () => {
    fail(3)
    now += 5

    begin().succeeded()
    fail(2)

    expect(breaker.begin()).not.toHaveProperty('retryAfterSeconds')
  })

  it('opens again for as long when the trial fails', () => {
    fail(3)
    now += 5

    begin().failed()

    expect(breaker.begin()).toEqual({ retryAfterSeconds: 5 })
  })

  it('lets another call try when the trial was not made after all', () => {
    fail(3)
    now += 5

    begin().abandoned()

    expect(breaker.begin()).not.toHaveProperty('retryAfterSeconds')
  })

  it('counts an attempt once, by what was said first', () => {
    const attempt = begin()
    attempt.failed()
    attempt.failed()
    attempt.failed()

    expect(breaker.begin()).not.toHaveProperty('retryAfterSeconds')
  })

  it('learns nothing from calls that began before it opened', () => {
    const [early, late] = [begin(), begin()]
    fail(3)
    now += 2
    early.succeeded()
    late.failed()

    expect(breaker.begin()).toEqual({ retryAfterSeconds: 3 })
  })

  it('does not stay open for longer when the clock is set back', () => {
    fail(3)
    now -= 3_600

    expect(breaker.begin()).not.toHaveProperty('retryAfterSeconds')
  })

  it('reports that it is open, and for how long', () => {
    expect([breaker.isOpen(), breaker.secondsLeft()]).toEqual([false, 0])
    fail(3)
    now += 1

    expect([breaker.isOpen(), breaker.secondsLeft()]).toEqual([true, 4])
    now += 4
    expect([breaker.isOpen(), breaker.secondsLeft()]).toEqual([true, 0])
    expect(begin().isTrial).toBe(true)
  })

  it('may stay open for longer after each failure in a row', () => {
    breaker = createBreaker({
      failureThreshold: 1,
      openSeconds: (failures) => failures * 10,
      clock: () => now,
    })
    fail(1)
    expect(breaker.begin()).toEqual({ retryAfterSeconds: 10 })
    now += 10
    begin().failed()

    expect(breaker.begin()).toEqual({ retryAfterSeconds: 20 })
  })
})

describe('createBreaker with trials that may take long', () => {
  it('lets one call a second through while it is open, although the last trial has not ended', () => {
    let now = 1_000
    const breaker = createBreaker({ failureThreshold: 5, openSeconds: 1, trialSeconds: 1, clock: () => now })
    const begin = () => {
      const attempt = breaker.begin()
      return 'retryAfterSeconds' in attempt ? null : attempt
    }
    for (let times = 0; times < 4; times += 1) begin()?.failed()
    expect(breaker.isOpen()).toBe(false)
    begin()?.failed()
    now = 1_000.9
    expect(begin()).toBeNull()

    now = 1_001
    const unfinished = begin()
    expect([unfinished?.isTrial, begin()]).toEqual([true, null])
    now = 1_002
    expect(begin()?.isTrial).toBe(true)
    unfinished?.succeeded()
    expect(breaker.isOpen()).toBe(false)
  })
})
