import { describe, expect, it } from 'vitest'
import { explore, replay } from './explore.ts'
import { searchShortest } from './shortest.ts'
import { demand, type Move, type World } from './world.ts'

/** Two writers that read a number, then write it back increased; `isAtomic` does both in one step. */
function createCounter(isAtomic: boolean): World {
  const begin = async () => {
    let value = 0
    const read: (number | undefined)[] = [undefined, undefined]
    const done = [false, false]
    const moves = () =>
      done.flatMap((isDone, writer): Move[] =>
        isDone ? [] : [{ kind: read[writer] === undefined ? 'read' : 'write', text: '', writer }],
      )
    const take = async ({ kind, writer }: Move) => {
      const place = Number(writer)
      if (kind === 'read') read[place] = value
      if (kind === 'read' && !isAtomic) return
      value = (read[place] ?? 0) + 1
      done[place] = true
      demand(!done.every(Boolean) || value === 2, 'an increase is lost')
    }
    return { moves, take, fingerprint: () => JSON.stringify([value, read, done]) }
  }
  return { name: 'counter', about: 'two writers', begin }
}

/** A walk from one corner of a field to the other, whose number of states and moves is known. */
function createField(width: number, height: number): World {
  const begin = async () => {
    const at = { x: 0, y: 0 }
    const moves = () => [
      ...(at.x < width ? [{ kind: 'x', text: '' }] : []),
      ...(at.y < height ? [{ kind: 'y', text: '' }] : []),
    ]
    const take = async ({ kind }: Move) => {
      if (kind === 'x') at.x++
      else at.y++
    }
    return { moves, take, fingerprint: () => `${at.x} ${at.y}` }
  }
  return { name: 'field', about: 'a walk', begin }
}

describe('explore', () => {
  it('reaches every state once and takes every move of each once', async () => {
    const expected = { states: 5 * 4, transitions: 4 * 4 + 5 * 3, depth: 7 }
    expect(await explore(createField(4, 3))).toEqual(expected)
    expect(await searchShortest(createField(4, 3))).toEqual(expected)
  })

  it('finds the lost update of two writers, and none if each writes in one step', async () => {
    const { violation } = await explore(createCounter(false))
    expect(violation?.rule).toBe('an increase is lost')
    expect((await explore(createCounter(true))).violation).toBeUndefined()
  })

  it('returns a history that leads to the violation again', async () => {
    const world = createCounter(false)
    const { violation } = await explore(world)
    await expect(replay(world, violation?.history ?? [])).rejects.toThrow('an increase is lost')
  })

  it('stops at a world that is larger than allowed', async () => {
    await expect(explore(createField(9, 9), { largestStates: 50 })).rejects.toThrow(RangeError)
  })

  it('passes on an error that is no violation', async () => {
    const world = createField(1, 1)
    const broken: World = {
      ...world,
      begin: async () => ({ ...(await world.begin()), take: () => Promise.reject(new TypeError('broken')) }),
    }
    await expect(explore(broken)).rejects.toThrow(TypeError)
  })
})

describe('searchShortest', () => {
  it('finds a shortest history', async () => {
    const { violation } = await searchShortest(createCounter(false))
    expect(violation?.history).toHaveLength(4)
  })
})
