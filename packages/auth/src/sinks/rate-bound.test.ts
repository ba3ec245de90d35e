import { describe, expect, it } from 'vitest'
import { createRateBound } from './failure-bound.js'

function setUp() {
  const time = { now: 1_000 }
  return { time, bound: createRateBound({ clock: () => time.now, limit: 2, windowSeconds: 60 }) }
}

describe('createRateBound', () => {
  it('lets the limit through in a window and counts what it drops for the next that passes', () => {
    const { time, bound } = setUp()
    expect([bound.take('a'), bound.take('a'), bound.take('a'), bound.take('a')]).toEqual([0, 0, null, null])
    time.now += 59
    expect(bound.take('a')).toBeNull()
    time.now += 1
    expect([bound.take('a'), bound.take('a')]).toEqual([3, 0])
  })

  it('counts keys apart', () => {
    const { bound } = setUp()
    bound.take('a')
    bound.take('a')
    expect([bound.take('a'), bound.take('b')]).toEqual([null, 0])
  })

  it('silences nothing when the clock is set back', () => {
    const { time, bound } = setUp()
    for (let i = 0; i < 3; i += 1) bound.take('a')
    time.now -= 3_600
    expect(bound.take('a')).toBe(1)
  })
})
