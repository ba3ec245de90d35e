import { describe, expect, it } from 'vitest'

import { clampRetryAfter, readRetryAfter } from './retry-after.js'

describe('readRetryAfter', () => {
  const now = Date.parse('2026-01-02T03:04:05Z') / 1000

  it.each([
    ['7', 7],
    [' 7 ', 7],
    ['0', 1],
    ['300', 300],
    ['301', 300],
    ['99999999999999999999', 300],
    ['Fri, 02 Jan 2026 03:04:35 GMT', 30],
    ['Friday, 02-Jan-26 03:04:35 GMT', 30],
    ['Fri Jan  2 03:04:35 2026 GMT', 30],
    ['Fri, 02 Jan 2026 03:04:04 GMT', 1],
    ['Sat, 03 Jan 2026 03:04:05 GMT', 300],
  ])('reads %j as %d s', (value, expected) => {
    expect(readRetryAfter(value, now)).toBe(expected)
  })

  it.each([undefined, '', '-1', '1.5', '1e3', 'soon', 'Fri, nonsense', '2026-01-02', '7, 8'])(
    'finds nothing usable in %j',
    (value) => {
      expect(readRetryAfter(value, now)).toBeUndefined()
    },
  )

  it('rounds up to whole seconds', () => {
    expect(clampRetryAfter(1.01)).toBe(2)
  })
})
