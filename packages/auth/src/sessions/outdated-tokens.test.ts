import { describe, expect, it } from 'vitest'
import { createExpireTokens, memberChangeIn } from './outdated-tokens.js'

describe('the end of the access tokens of a member', () => {
  it('is in the feed of the store, and counts in this process at once', async () => {
    const steps: unknown[] = []
    const expire = createExpireTokens({
      store: { restoreEnded: async (entries) => void steps.push(['store', ...entries]) },
      revocations: { note: (entries) => void steps.push(['here', ...entries]) },
      changes: { begin: () => 1_000.1234 },
      clock: () => 1_000.9,
    })
    expect(await expire('mem_ada')).toBe(1_000.1234)
    const entry = { id: 'mem_ada@1000123', endedAt: 1_000 }
    expect(steps).toEqual([
      ['store', entry],
      ['here', entry],
    ])
  })

  it('is told from the end of a session, whatever its id', () => {
    expect(memberChangeIn({ id: 'mem_ada@1000123', endedAt: 1 })).toEqual({
      memberId: 'mem_ada',
      changedAt: 1_000.123,
    })
    for (const id of ['AAAAAAAAAAAAAAAAAAAAAA', '1234567890123456789012', '', 'mem_ada@x'])
      expect(memberChangeIn({ id, endedAt: 1 }), id).toBeNull()
  })
})
