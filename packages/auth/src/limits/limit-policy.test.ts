import { assert, double, integer, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide } from './limit-counter.js'

const policy = { name: 'ip', quota: 3, windowSeconds: 60 } as const

describe('decide', () => {
  it('allows a count up to the quota and limits the next', () => {
    expect(decide(policy, { count: 3, resetSeconds: 10 })).toEqual({ kind: 'allowed' })
    expect(decide(policy, { count: 4, resetSeconds: 10 })).toEqual({
      kind: 'limited',
      retryAfterSeconds: 10,
    })
  })

  it('rounds the wait up to whole seconds, from one to the whole window', () => {
    for (const [resetSeconds, retryAfterSeconds] of [
      [29.1, 30],
      [0.001, 1],
      [0, 1],
      [-5, 1],
      [600, 60],
    ] as const)
      expect(decide(policy, { count: 9, resetSeconds })).toEqual({ kind: 'limited', retryAfterSeconds })
    assert(
      property(integer({ min: 4 }), double({ noNaN: true }), (count, resetSeconds) => {
        const decision = decide(policy, { count, resetSeconds })
        return decision.kind === 'limited' && Number.isInteger(decision.retryAfterSeconds)
      }),
    )
  })
})
