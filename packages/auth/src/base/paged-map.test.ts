import { describe, expect, it } from 'vitest'
import { createPagedMap } from './paged-map.js'

const entries = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => [`key ${from + index}`, from + index] as const)

describe('a paged map', () => {
  it('keeps the order of insertion over many pages, also of an entry that gets a new value', () => {
    const map = createPagedMap<number>()
    for (const [key, value] of entries(0, 100_000)) map.set(key, value)
    map.set('key 7', -7)
    expect([...map]).toEqual(entries(0, 100_000).map(([key, value]) => [key, value === 7 ? -7 : value]))
    expect([map.has('key 0'), map.has('key 99999'), map.has('key 100000')]).toEqual([true, true, false])
    expect([map.get('key 7'), map.get('key 99999'), map.get('key 100000')]).toEqual([-7, 99_999, undefined])
  })

  it('forgets entries while it is read, oldest first, and takes them again', () => {
    const map = createPagedMap<number>()
    for (const [key, value] of entries(0, 70_000)) map.set(key, value)
    for (const [key, value] of map) {
      if (value === 69_990) break
      map.delete(key)
    }
    expect([...map]).toEqual(entries(69_990, 70_000))
    map.set('key 0', 0)
    expect([...map].at(-1)).toEqual(['key 0', 0])
    expect(map.has('key 1')).toBe(false)
  })

  it('is empty after the last entry is deleted, and grows again', () => {
    const map = createPagedMap<number>()
    map.set('a', 1)
    map.delete('a')
    map.delete('b')
    expect([...map]).toEqual([])
    map.set('a', 2)
    expect([...map]).toEqual([['a', 2]])
  })
})
