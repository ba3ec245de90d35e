import { describe, expect, it } from 'vitest'
import { createAdminBreaker } from './admin-breaker.js'

function createBrokenBreaker() {
  let now = 1_000
  const breaker = createAdminBreaker(() => now)
  const failTimes = (count: number) => Array.from({ length: count }, () => breaker.failed())
  return { breaker, failTimes, at: (seconds: number) => (now = seconds) }
}

describe('the admin breaker', () => {
  it('stays closed through four failures in a row and opens at the fifth', () => {
    const { breaker, failTimes } = createBrokenBreaker()
    failTimes(4)
    expect([breaker.isOpen(), breaker.admit()]).toEqual([false, 'admitted'])
    failTimes(1)
    expect([breaker.isOpen(), breaker.admit()]).toEqual([true, 'refused'])
  })

  it('lets one question a second through while it is open', () => {
    const { breaker, failTimes, at } = createBrokenBreaker()
    failTimes(5)
    at(1_000.9)
    expect(breaker.admit()).toBe('refused')
    at(1_001)
    expect([breaker.admit(), breaker.admit()]).toEqual(['probe', 'refused'])
    at(1_002)
    expect(breaker.admit()).toBe('probe')
  })

  it('closes at the first answer', () => {
    const { breaker, failTimes } = createBrokenBreaker()
    failTimes(50)
    breaker.succeeded()
    expect([breaker.isOpen(), breaker.admit()]).toEqual([false, 'admitted'])
  })

  it('tries again at once when the clock was set back', () => {
    const { breaker, failTimes, at } = createBrokenBreaker()
    failTimes(5)
    at(10)
    expect(breaker.admit()).toBe('probe')
  })
})
