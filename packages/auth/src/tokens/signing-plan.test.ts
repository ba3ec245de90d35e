import { describe, expect, it } from 'vitest'

import { planSigningKeys } from './signing-key.js'

const policy = { rotateAfterSeconds: 10_000, publishAheadSeconds: 1000 }
const key = (kid: string, createdAt: number, canSign = true) => ({ kid, createdAt, canSign })
// A successor signs after 1000 s; then an hour of tokens and 900 s for late instances.
const drainSeconds = 1000 + 3600 + 900

describe('planSigningKeys', () => {
  it('plans a key if there is none', () => {
    expect(planSigningKeys([], 0, policy)).toEqual({ signer: null, wantsNewKey: true, retired: [] })
  })

  it('lets the first key sign at once', () => {
    expect(planSigningKeys([key('a', 100)], 100, policy)).toEqual({
      signer: 'a',
      wantsNewKey: false,
      retired: [],
    })
  })

  it('plans the next key early enough to publish it ahead of its use, to the second', () => {
    expect(planSigningKeys([key('a', 0)], 8999, policy).wantsNewKey).toBe(false)
    expect(planSigningKeys([key('a', 0)], 9000, policy).wantsNewKey).toBe(true)
  })

  it('lets a new key sign only after it has been published long enough, to the second', () => {
    const keys = [key('a', 0), key('b', 9000)]
    expect(planSigningKeys(keys, 9999, policy).signer).toBe('a')
    expect(planSigningKeys(keys, 10_000, policy).signer).toBe('b')
  })

  it('keeps the old key until the last token signed by it has expired, to the second', () => {
    const keys = [key('a', 0), key('b', 9000)]
    expect(planSigningKeys(keys, 9000 + drainSeconds - 1, policy).retired).toEqual([])
    expect(planSigningKeys(keys, 9000 + drainSeconds, policy).retired).toEqual(['a'])
  })

  it('never retires the only key, however old', () => {
    expect(planSigningKeys([key('a', 0)], 1e9, policy)).toEqual({
      signer: 'a',
      wantsNewKey: true,
      retired: [],
    })
  })

  it('plans a new key that signs at once if no secret opens the existing ones', () => {
    const keys = [key('a', 0, false), key('b', 500, false)]
    expect(planSigningKeys(keys, 600, policy)).toEqual({ signer: null, wantsNewKey: true, retired: [] })
    expect(planSigningKeys([...keys, key('c', 600)], 600, policy)).toEqual({
      signer: 'c',
      wantsNewKey: false,
      retired: [],
    })
  })

  it('retires keys that no secret opens once a usable one has taken over', () => {
    const keys = [key('a', 0, false), key('b', 600)]
    expect(planSigningKeys(keys, 600 + drainSeconds - 1, policy).retired).toEqual([])
    expect(planSigningKeys(keys, 600 + drainSeconds, policy).retired).toEqual(['a'])
  })

  it('plans no key for one that it cannot open while another one can sign', () => {
    expect(planSigningKeys([key('a', 0), key('b', 100, false)], 200, policy)).toMatchObject({
      signer: 'a',
      wantsNewKey: false,
    })
  })

  it('signs with the oldest usable key if the clock was set back before all of them', () => {
    expect(planSigningKeys([key('a', 5000), key('b', 6000)], 100, policy)).toMatchObject({
      signer: 'a',
      wantsNewKey: false,
    })
  })
})
