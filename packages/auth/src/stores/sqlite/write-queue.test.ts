import { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createWriteQueue, type WriteQueue } from './write-queue.js'

describe('the write queue', () => {
  let database: DatabaseSync
  let queue: WriteQueue
  let commits: () => number

  beforeEach(() => {
    database = new DatabaseSync(':memory:')
    database.exec('CREATE TABLE written (number INTEGER NOT NULL) STRICT')
    const exec = vi.spyOn(database, 'exec')
    commits = () => exec.mock.calls.filter(([sql]) => sql === 'COMMIT').length
    queue = createWriteQueue(database)
  })
  afterEach(async () => {
    await queue.close()
    database.close()
  })

  const write = (number: number) =>
    queue.add(() => {
      database.prepare('INSERT INTO written VALUES (?)').run(number)
      return number
    })
  const written = () => database.prepare('SELECT number FROM written').all().length

  it('keeps a write that is alone waiting for one turn and no longer', async () => {
    const alone = write(1)
    expect(written()).toBe(0)
    await nextTurn()
    expect(written()).toBe(1)
    expect(await alone).toBe(1)
  })

  it('flushes once for the writes of one turn and those of the turn after', async () => {
    const first = [write(1), write(2)]
    await nextTurn()
    const second = [write(3), write(4)]
    expect(await Promise.all([...first, ...second])).toEqual([1, 2, 3, 4])
    expect(written()).toBe(4)
    expect(commits()).toBe(1)
  })

  it('does not wait for more than that, however many keep coming', async () => {
    const all = [write(1), write(2)]
    for (let number = 3; number <= 8; number += 1) {
      await nextTurn()
      all.push(write(number))
    }
    expect(written()).toBeGreaterThanOrEqual(5)
    await Promise.all(all)
  })

  it('flushes a transaction only if one of its writes has to be on disk', async () => {
    const exec = vi.spyOn(database, 'exec')
    const note = (number: number) =>
      queue.addUnflushed(() => {
        database.prepare('INSERT INTO written VALUES (?)').run(number)
        return number
      })
    const statements = async (work: readonly Promise<number>[]) => {
      exec.mockClear()
      await Promise.all(work)
      return exec.mock.calls.map(([sql]) => sql)
    }
    const unflushed = [
      'PRAGMA synchronous = NORMAL',
      'BEGIN IMMEDIATE',
      'COMMIT',
      'PRAGMA synchronous = FULL',
    ]
    expect(await statements([note(1), note(2)])).toEqual(unflushed)
    expect(await statements([note(3), write(4), note(5)])).toEqual(['BEGIN IMMEDIATE', 'COMMIT'])
    expect(written()).toBe(5)
  })

  it('tells each of its own result, and a failure to nobody else', async () => {
    const broken = queue.add(() => {
      throw new Error('broken')
    })
    const results = await Promise.allSettled([write(1), broken, write(2)])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(written()).toBe(2)
  })
})
