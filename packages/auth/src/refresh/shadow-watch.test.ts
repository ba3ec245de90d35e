import { describe, expect, it } from 'vitest'
import { createShadowWatch, type RefreshClient } from './shadow-watch.js'

const member: RefreshClient = { address: '192.0.2.1', userAgent: 'Firefox' }
const thief: RefreshClient = { address: '203.0.113.9', userAgent: 'curl' }

function setUp() {
  const watch = createShadowWatch()
  const note = (generation: string, client: RefreshClient, isReplay: boolean, sessionId = 's1') =>
    watch.note({ sessionId, generation, client, isReplay })
  return { note }
}

describe('createShadowWatch', () => {
  it('reports a client that follows another one in three generations, once', () => {
    const { note } = setUp()
    const reports: boolean[] = []
    for (let generation = 2; generation < 30; generation += 1) {
      reports.push(note(`g${generation}`, member, false), note(`g${generation}`, thief, true))
      reports.push(note(`g${generation}`, thief, true))
    }
    expect(reports.filter(Boolean)).toHaveLength(1)
    expect(reports.indexOf(true)).toBe(7)
  })

  it.each([
    ['address', { ...member, address: '198.51.100.1' }],
    ['user agent', { ...member, userAgent: 'Chrome' }],
  ])('knows another client by its %s alone', (_part, other) => {
    const { note } = setUp()
    const reports = ['g2', 'g3', 'g4'].map((generation) => {
      note(generation, member, false)
      return note(generation, other, true)
    })
    expect(reports).toEqual([false, false, true])
  })

  it('does not report replays by the client that rotated, or other sessions', () => {
    const { note } = setUp()
    for (let generation = 2; generation < 30; generation += 1) {
      note(`g${generation}`, member, false)
      expect(note(`g${generation}`, member, true)).toBe(false)
      note(`g${generation}`, member, false, `other ${generation}`)
      expect(note(`g${generation}`, thief, true, `other ${generation}`)).toBe(false)
    }
  })

  it('counts a generation once, however often another client replays it', () => {
    const { note } = setUp()
    note('g2', member, false)
    for (let replay = 0; replay < 100; replay += 1) expect(note('g2', thief, true)).toBe(false)
  })

  it('does not judge a generation that another instance has made', () => {
    const { note } = setUp()
    for (const generation of ['g2', 'g3', 'g4', 'g5']) expect(note(generation, thief, true)).toBe(false)
  })

  it('compares addresses and the first 128 characters of user agents, which may be absent', () => {
    const { note } = setUp()
    const long = (end: string) => ({ address: undefined, userAgent: 'x'.repeat(128) + end })
    const absent = { address: undefined, userAgent: undefined }
    const reports = ['g2', 'g3', 'g4'].flatMap((generation) => {
      note(generation, long('a'), false)
      const same = note(generation, long('b'), true)
      note(generation, { address: '', userAgent: '' }, false, 's2')
      return [same, note(generation, absent, true, 's2')]
    })
    expect(reports).not.toContain(true)
  })

  it('does not count a replay of a generation that is over', () => {
    const { note } = setUp()
    const reports = ['g2', 'g3', 'g4', 'g5'].map((generation) => {
      note(generation, member, false)
      return note('g1', thief, true)
    })
    expect(reports).not.toContain(true)
  })
})
