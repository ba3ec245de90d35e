import { describe, expect, it } from 'vitest'
import { createRequestQuota } from './request-quota.js'

describe('the request quota', () => {
  it('counts the last second, not the second on the clock', () => {
    let now = 10.9
    const quota = createRequestQuota(2, () => now)
    expect([quota.take('a'), quota.take('a'), quota.take('a')]).toEqual([true, true, false])
    now = 11.5
    expect(quota.take('a')).toBe(false)
    now = 11.9
    expect([quota.take('a'), quota.take('a'), quota.take('a')]).toEqual([true, true, false])
  })

  it('gives each address a window of its own', () => {
    const quota = createRequestQuota(1, () => 5)
    expect([quota.take('a'), quota.take('b'), quota.take('a')]).toEqual([true, true, false])
  })

  it('charges nothing for a request that was turned away', () => {
    let now = 0
    const quota = createRequestQuota(1, () => now)
    quota.take('a')
    for (now = 0.1; now < 1; now += 0.1) quota.take('a')
    now = 1
    expect(quota.take('a')).toBe(true)
  })

  it('is not stuck when the clock is set back', () => {
    let now = 10_000
    const quota = createRequestQuota(1, () => now)
    quota.take('a')
    now = 5000
    expect(quota.take('a')).toBe(true)
  })
})
