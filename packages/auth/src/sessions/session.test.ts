import { describe, expect, it } from 'vitest'
import { ends } from '../base/reasons.js'
import { beginSession, toEndReason } from './session.js'

describe('the reason of an end', () => {
  it('is read from a store only if it is one of the table', () => {
    for (const reason of ends) expect(toEndReason(reason)).toBe(reason)
    for (const stored of ['', 'expired', null, undefined, 0]) expect(toEndReason(stored)).toBeNull()
  })
})

describe('a new session', () => {
  it('is in epoch 0 and bound to no key if nothing else is said, and was never used', () => {
    const start = { id: 's1', memberId: 'mem_ada', userAgent: 'UA', expiresAt: 9, sealedMember: 'x' }
    const session = {
      ...start,
      createdAt: 5,
      lastUsedAt: 5,
      generation: 1,
      confirmedAt: null,
      previousConfirmedAt: null,
      endedAt: null,
      endReason: null,
    }
    expect(beginSession({ ...start, now: 5 })).toEqual({ ...session, epoch: 0, jkt: null })
    const bound = beginSession({ ...start, now: 5, epoch: 7, jkt: 'k' })
    expect(bound).toEqual({ ...session, epoch: 7, jkt: 'k' })
  })
})
