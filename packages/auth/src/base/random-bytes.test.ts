import { describe, expect, it } from 'vitest'

import { createRandomBytes } from './secrets.js'

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('createRandomBytes', () => {
  it.each([0, 1, 12, 16, 17, 32, 5000])('gives as many bytes as it was asked for: %i', (length) => {
    const randomBytes = createRandomBytes()
    randomBytes(3)
    expect(randomBytes(length)).toHaveLength(length)
  })

  it('never gives the same bytes twice, over many pools, to one who asks or to two', () => {
    const [one, other] = [createRandomBytes(), createRandomBytes()]
    const given = Array.from({ length: 2000 }, (_, turn) => (turn % 3 === 0 ? other : one)(12 + (turn % 5)))
    expect(new Set(given.map((bytes) => hexOf(bytes.subarray(0, 12)))).size).toBe(2000)
    for (const bytes of given) expect(hexOf(bytes)).not.toMatch(/^0{16}|0{16}$/)
  })

  it('gives bytes of their own: who holds some sees nobody else’s', () => {
    const randomBytes = createRandomBytes()
    const first = randomBytes(16)
    const before = hexOf(first)
    for (let turn = 0; turn < 1000; turn += 1) randomBytes(16).fill(0)
    expect(hexOf(first)).toBe(before)
    expect(first.buffer.byteLength).toBe(16)
  })

  it('is as even as random bytes are: every bit is set about half of the time', () => {
    const randomBytes = createRandomBytes()
    const ones = Array.from({ length: 8 }, () => 0)
    for (let turn = 0; turn < 4000; turn += 1)
      for (const byte of randomBytes(16))
        for (const bit of ones.keys()) ones[bit] = (ones[bit] ?? 0) + ((byte >> bit) & 1)
    // 64,000 bytes: the standard deviation is 0.2 %, so that 2 % is ten of them.
    for (const count of ones) expect(Math.abs(count / 64_000 - 0.5)).toBeLessThan(0.02)
  })
})
