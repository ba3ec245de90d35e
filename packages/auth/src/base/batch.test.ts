import { describe, expect, it } from 'vitest'
import { createBatch } from './batch.js'
import { nextTurn } from './slices.js'

describe('a batch', () => {
  it('answers the calls of one turn by one run, each with its own result', async () => {
    const runs: (readonly number[])[] = []
    const double = createBatch(async (items: readonly number[]) => {
      runs.push(items)
      return (item, index) => `${index}: ${item * 2}`
    })
    const early = [double(1), double(2), double(1)]
    await nextTurn()
    expect(await Promise.all([...early, double(3)])).toEqual(['0: 2', '1: 4', '2: 2', '0: 6'])
    expect(runs).toEqual([[1, 2, 1], [3]])
  })

  it('starts the next run while one is under way', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    const slow = createBatch(async ([first = '']: readonly string[]) => {
      if (first === 'held') await held
      return (item) => item
    })
    const waiting = slow('held')
    await nextTurn()
    expect(await slow('free')).toBe('free')
    release()
    expect(await waiting).toBe('held')
  })

  it('rejects the calls of a run that fails, and no others', async () => {
    const failing = createBatch(async (items: readonly string[]) => {
      if (items.includes('bad')) throw new Error('refused')
      return (item) => item
    })
    const results = await Promise.allSettled([failing('good'), failing('bad')])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await failing('good')).toBe('good')
  })

  it('rejects a call whose result cannot be read', async () => {
    const unreadable = createBatch(async () => () => {
      throw new Error('no such row')
    })
    await expect(unreadable('x')).rejects.toThrow('no such row')
  })

  it('splits so many calls that one statement could not carry them', async () => {
    const sizes: number[] = []
    const echo = createBatch(async (items: readonly number[]) => {
      sizes.push(items.length)
      return (item) => item
    })
    const all = Array.from({ length: 450 }, (_, index) => index)
    expect(await Promise.all(all.map(echo))).toEqual(all)
    expect(sizes).toEqual([200, 200, 50])
  })
})
