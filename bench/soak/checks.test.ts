import { describe, expect, it } from 'vitest'
import { listFaults } from './checks.ts'

const plan = { mostGrowth: 1.1 }
const good = {
  store: 'Redis',
  restarts: 2,
  losses: [],
  foreign: [],
  thefts: 0,
  badExits: [],
  strayed: [],
  memoryBytes: { first: 100, last: 110, most: 120 },
}

describe('the checks of the soak', () => {
  it('find nothing if all is well', () => {
    expect(listFaults(good, plan)).toEqual([])
  })

  it.each([
    [{ losses: ['mem_1: 401', 'mem_2: 401'] }, '2 honest sessions were refused, such as: mem_1: 401'],
    [{ thefts: 1 }, '1 honest sessions were ended as stolen'],
    [{ foreign: ['mem_1: mem_2'] }, '1 answers were of another member, such as: mem_1: mem_2'],
    [{ strayed: ['a is missing'] }, '1 sessions are not in the store as their members have them'],
    [{ badExits: ['SIGTERM: 1'] }, '1 instances ended in another way than they were ended'],
    [
      { memoryBytes: { first: 100, last: 111, most: 120 } },
      'the memory of the instance that kept running grew by 11 %',
    ],
    [{ memoryBytes: { first: Number.NaN, last: 1, most: 1 } }, 'the memory of the instance'],
    [{ restarts: 1 }, 'an instance was restarted 1 times only'],
  ])('find %j', (change, fault) => {
    expect(listFaults({ ...good, ...change }, plan)).toEqual([expect.stringContaining(`Redis: ${fault}`)])
  })
})
