import { describe, expect, it } from 'vitest'
import { createFakeTime } from '../../test/kit/fake-time.js'
import { createMemberChanges } from './member-changes.js'

function createWorld() {
  const time = createFakeTime(1_000)
  const changes = createMemberChanges(time.clock)
  const begin = () => {
    const changedAt = changes.begin('mem_ada')
    changes.note('mem_ada', changedAt)
    return changedAt
  }
  return { time, changes, begin }
}

describe('the changes of members', () => {
  it('make out of date what was read before, and nothing that is asked for after', () => {
    const { time, changes, begin } = createWorld()
    expect(changes.isOutdated('mem_ada', 0)).toBe(false)
    begin()
    for (const readAt of [0, 999, 1_000]) expect(changes.isOutdated('mem_ada', readAt)).toBe(true)
    expect(changes.isOutdated('mem_ada', changes.readAt('mem_ada', time.now))).toBe(false)
    expect(changes.isOutdated('mem_bob', 0)).toBe(false)
  })

  it('hold for what other instances read, whose clocks are up to 5 s ahead', () => {
    const { changes, begin } = createWorld()
    begin()
    expect(changes.isOutdated('mem_ada', 1_004.9)).toBe(true)
  })

  it('of another instance, whose clock is ahead, do not outlast the first reading after they are known', async () => {
    const { time, changes } = createWorld()
    changes.note('mem_ada', time.now + 30)
    expect(changes.isOutdated('mem_ada', time.now - 0.1)).toBe(true)
    const readAt = changes.readAt('mem_ada', time.now)
    expect(changes.isOutdated('mem_ada', readAt)).toBe(false)
  })

  it('that follow each other in one moment each make out of date what was read in between', () => {
    const { time, changes, begin } = createWorld()
    const first = begin()
    const between = changes.readAt('mem_ada', time.now)
    expect(between).toBe(first)
    begin()
    expect(changes.isOutdated('mem_ada', between)).toBe(true)
    expect(changes.isOutdated('mem_ada', changes.readAt('mem_ada', time.now))).toBe(false)
  })

  it('that are noted again, late or out of order, change nothing', async () => {
    const { time, changes, begin } = createWorld()
    const changedAt = begin()
    await time.pass(10)
    changes.note('mem_ada', changedAt)
    changes.note('mem_ada', changedAt - 4)
    expect(changes.readAt('mem_ada', 1_000)).toBe(changedAt)
  })

  it('are whole milliseconds, so that they survive the store and the token', () => {
    const changedAt = createMemberChanges(() => 1_700_000_000.1234567).begin('mem_ada')
    expect(changedAt).toBe(Math.round(changedAt * 1000) / 1000)
  })

  it('are forgotten when no access token from before can be left', async () => {
    const { time, changes, begin } = createWorld()
    begin()
    await time.pass(3_600)
    expect(changes.isOutdated('mem_ada', 1_000)).toBe(true)
    await time.pass(120)
    changes.report('mem_bob')
    expect(changes.isOutdated('mem_ada', 1_000)).toBe(false)
  })

  it('that were reported and not read yet forbid only to serve an older answer', async () => {
    const { time, changes } = createWorld()
    changes.report('mem_ada')
    expect(changes.mayServe('mem_ada', 999)).toBe(false)
    expect(changes.isOutdated('mem_ada', 999)).toBe(false)
    await time.pass(1)
    expect(changes.mayServe('mem_ada', time.now)).toBe(true)
    expect(changes.mayServe('mem_bob', 0)).toBe(true)
  })

  it('are dated a minute from now at most, so that one from the far future hides no real change', async () => {
    const { time, changes } = createWorld()
    changes.note('mem_ada', 9e15)
    expect(changes.isOutdated('mem_ada', 1_000)).toBe(true)
    const renewed = changes.readAt('mem_ada', time.now)
    expect(renewed).toBeLessThanOrEqual(1_060)
    await time.pass(30)
    // The entry is read from the feed again and again.
    changes.note('mem_ada', 9e15)
    expect(changes.isOutdated('mem_ada', renewed)).toBe(false)
    changes.note('mem_ada', changes.begin('mem_ada'))
    expect(changes.isOutdated('mem_ada', renewed)).toBe(true)
  })
})
