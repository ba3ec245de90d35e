import { describe, expect, it } from 'vitest'

import {
  createVerifiedTokenCache,
  memberReadAtOf,
  readSession,
  type VerifiedToken,
  type VerifiedTokenCacheOptions,
} from './verified-token-cache.js'

/** The cached value is a number here. */
function createCache(options: VerifiedTokenCacheOptions) {
  const cache = createVerifiedTokenCache<{ readonly compact: string; readonly n: number }>(options)
  return {
    get: (compact: string, now: number) => cache.get(compact, now)?.n,
    set: (compact: string, n: number, now: number) => cache.set({ compact, n }, now),
    get size() {
      return cache.size
    },
  }
}

describe('createVerifiedTokenCache', () => {
  it('keeps the most recently used tokens', () => {
    const cache = createCache({ size: 3 })
    for (let n = 0; n < 10; n += 1) cache.set(`token ${n}`, n, 0)
    expect([7, 8, 9].map((n) => cache.get(`token ${n}`, 0))).toEqual([7, 8, 9])
    expect(cache.get('token 0', 0)).toBeUndefined()
  })

  it('compares the whole token, although its end is the key', () => {
    const cache = createCache({ size: 2 })
    const end = 'x'.repeat(40)
    cache.set(`one${end}`, 1, 0)
    expect(cache.get(`two${end}`, 0)).toBeUndefined()
    cache.set('another', 2, 0)
    cache.set('a third', 3, 0)
    expect(cache.get(`two${end}`, 0)).toBeUndefined()
    cache.set(`two${end}`, 4, 0)
    expect(cache.get(`two${end}`, 0)).toBe(4)
    expect(cache.get(end, 0)).toBeUndefined()
  })

  it('never holds more than twice its size', () => {
    const cache = createCache({ size: 10 })
    for (let n = 0; n < 1000; n += 1) {
      cache.set(`token ${n}`, n, 0)
      cache.get(`token ${n % 7}`, 0)
      expect(cache.size).toBeLessThanOrEqual(20)
    }
  })

  it('never drops a token that stays in use, however many others are added', () => {
    const cache = createCache({ size: 10 })
    cache.set('steady', 1, 0)
    for (let n = 0; n < 1000; n += 1) {
      cache.set(`passing ${n}`, n, 0)
      expect(cache.get('steady', 0)).toBe(1)
    }
  })

  it('bounds the total length of the tokens', () => {
    const cache = createCache({ size: 1000, maxCharacters: 100 })
    for (let n = 0; n < 100; n += 1) cache.set(`${n}`.padStart(30, '-'), n, 0)
    expect(cache.size).toBeLessThanOrEqual(6)
  })

  it('drops a token that was not used for two generations', () => {
    const cache = createCache({ size: 10, turnAfterSeconds: 3600 })
    cache.set('a', 1, 0)
    cache.set('b', 2, 3600)
    expect(cache.get('a', 3600)).toBe(1)
    cache.set('c', 3, 7200)
    cache.set('d', 4, 10_800)
    expect(cache.get('a', 10_800)).toBeUndefined()
    expect(cache.size).toBe(2)
  })

  it('moves an old token into the young generation at its first hit', () => {
    const cache = createCache({ size: 2 })
    cache.set('one', 1, 0)
    cache.set('two', 2, 0)
    cache.set('three', 3, 0)
    expect(cache.size).toBe(3)
    expect(cache.get('one', 0)).toBe(1)
    expect(cache.size).toBe(4)
    cache.set('four', 4, 0)
    expect(cache.get('two', 0)).toBeUndefined()
    expect(cache.get('one', 0)).toBe(1)
  })

  it.each([0, -1, 1.5, Number.NaN])('refuses the size %s', (size) => {
    expect(() => createVerifiedTokenCache({ size })).toThrow(
      new TypeError('the cache size must be a whole number from 1'),
    )
  })
})

describe('the session of an access token', () => {
  it.each([
    ['without an epoch', {}, 0],
    ['of an epoch', { epoch: 1 }, 1],
    ['of epoch 0, written out', { epoch: 0 }, 0],
  ])('is read %s', (_name, change, epoch) => {
    expect(readSession({ sid: 's', gen: 1, ...change })).toEqual({ sessionId: 's', generation: 1, epoch })
  })

  it.each<object>([
    { sid: undefined },
    { sid: '' },
    { sid: 7 },
    { gen: undefined },
    { gen: 0 },
    { gen: 1.5 },
    { gen: '1' },
    { epoch: -1 },
    { epoch: 0.5 },
    { epoch: '1' },
    { epoch: null },
    { epoch: 2 ** 53 },
  ])('is none with %j', (change) => {
    expect(readSession({ sid: 's', gen: 1, epoch: 1, ...change })).toBeNull()
  })
})

describe('the time at which the member of an access token was read', () => {
  const token = (claims: object): VerifiedToken => ({
    kind: 'own',
    memberId: 'mem_1',
    claims: { iss: 'p', iat: 100, exp: 3700, ...claims },
    expiresAt: 3700,
    kid: undefined,
    boundTo: null,
    user: null,
    userFrom: null,
  })

  it('is in the token', () => {
    expect(memberReadAtOf(token({ mra: 90.25 }))).toBe(90.25)
  })

  it.each([undefined, '90'])('is its issue where the token does not say (%j)', (mra) => {
    expect(memberReadAtOf(token({ mra }))).toBe(100)
  })
})
