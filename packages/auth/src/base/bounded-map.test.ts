import { describe, expect, it } from 'vitest'

import { createBoundedMap } from './bounded-map.js'

describe('createBoundedMap', () => {
  it('keeps the entries used last, at least its limit and at most twice as many', () => {
    const map = createBoundedMap<number>(10)
    for (let key = 0; key < 1_000; key += 1) {
      map.set(String(key), key)
      expect(map.size).toBeLessThanOrEqual(20)
    }
    for (let key = 990; key < 1_000; key += 1) expect(map.get(String(key))).toBe(key)
    expect(map.get('0')).toBeUndefined()
  })

  it('keeps an entry that is read, however many others come', () => {
    const map = createBoundedMap<string>(10)
    map.set('used', 'kept')
    for (let key = 0; key < 1_000; key += 1) {
      map.set(String(key), 'other')
      expect(map.get('used')).toBe('kept')
    }
  })

  it('forgets what is deleted, in whichever half it lies', () => {
    const map = createBoundedMap<number>(1)
    map.set('a', 1)
    map.set('b', 2)
    map.delete('a')
    map.delete('b')
    expect([map.get('a'), map.get('b'), map.size]).toEqual([undefined, undefined, 0])
  })

  it('drops what was not used between two turns', () => {
    const map = createBoundedMap<number>(10)
    map.set('idle', 1)
    map.set('used', 2)
    map.turn()
    expect(map.get('used')).toBe(2)
    map.turn()
    expect([map.get('idle'), map.get('used')]).toEqual([undefined, 2])
  })
})
