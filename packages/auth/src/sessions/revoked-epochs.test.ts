import { expect, it } from 'vitest'
import { noEpochs } from '../../test/kit/claimed-store.js'
import { createFakeTime } from '../../test/kit/fake-time.js'
import { createMemoryStore } from '../stores/memory.js'
import type { Epochs } from './epochs.js'
import { createRevocations } from './revocations.js'

function create(
  epochs: Partial<Epochs>,
  store: Partial<ReturnType<typeof createMemoryStore>['sessions']> = {},
) {
  const world = createFakeTime()
  const { clock, ticker } = world
  const sessions = { ...createMemoryStore(world).sessions, ...store }
  return {
    world,
    revocations: createRevocations({ store: sessions, epochs: { ...noEpochs, ...epochs }, clock, ticker }),
  }
}

it('a session of an earlier epoch has ended, whatever the list says', () => {
  const { revocations, world } = create({ current: () => 7 })
  expect(revocations.isEnded('s1', 6)).toBe(true)
  expect([revocations.isEnded('s1', 7), revocations.isEnded('s1')]).toEqual([false, false])
  revocations.note([{ id: 's1', endedAt: world.now }])
  expect([revocations.isEnded('s1', 7), revocations.isEnded('s1', 8), revocations.isEnded('s2', 8)]).toEqual([
    true,
    true,
    false,
  ])
})

it('a token of a later epoch than the known one shows that the store had it', () => {
  const noted: number[] = []
  const { revocations } = create({ current: () => 7, note: (epoch) => noted.push(epoch) })
  for (const epoch of [6, 7, undefined, 8]) revocations.isEnded('s1', epoch)
  expect(noted).toEqual([8])
})

it('the list is not read again by a request more than three times, however often the store reports a gap', async () => {
  let reads = 0
  let report = () => {}
  const { revocations, world } = create(
    {},
    {
      watchEnded: (listener) => {
        report = () => listener('resync')
        return () => {}
      },
      syncEnded: async () => {},
      async *endedSince() {
        reads++
        if (reads > 1) report()
        yield []
      },
    },
  )
  await revocations.load()
  expect(reads).toBe(1)
  world.setClock(world.now + 60)
  report()
  await revocations.catchUp()
  // One for the gap that was reported, and at most three for those that the readings report.
  expect(reads).toBeLessThanOrEqual(5)
  revocations.close()
})

it('an entry of the feed that ended just as long ago as an access token lives is kept, an older one is not', () => {
  const { revocations, world } = create({})
  revocations.note([{ id: 'old', endedAt: world.now - 3_661 }])
  revocations.note([{ id: 'kept', endedAt: world.now - 3_660 }])
  expect([revocations.isEnded('old'), revocations.isEnded('kept')]).toEqual([false, true])
})
