import { beforeEach, expect, it } from 'vitest'
import { memberOf } from '../../test/session-world.js'
import { createRecentStandings, type RecentStandings } from './recent-standings.js'

let now: number
let recent: RecentStandings
const read = { member: memberOf('mem_ada'), readAt: 990 }

beforeEach(() => {
  now = 1_000
  recent = createRecentStandings(() => now)
})

it('keeps the member and the token of a refresh for 30 s', () => {
  expect(recent.get('s1')).toBeUndefined()
  recent.set('s1', read)
  expect(recent.get('s1')).toMatchObject({ ...read, issued: null })
  recent.noteIssued('s1', { generation: 2, accessToken: 'a' })
  now = 1_029.9
  expect(recent.get('s1')).toMatchObject({ issued: { generation: 2, accessToken: 'a' } })
  now = 1_030
  expect(recent.get('s1')).toBeUndefined()
})

it('keeps nothing of a time to come, after the clock was set back', () => {
  recent.set('s1', read)
  now = 999
  expect(recent.get('s1')).toBeUndefined()
})

it('keeps no token without the member that it was made of', () => {
  recent.noteIssued('s1', { generation: 2, accessToken: 'a' })
  expect(recent.get('s1')).toBeUndefined()
})

it('is ahead of a session if it has a token of a later generation', () => {
  const session = (generation: number, id = 's1') => ({ id, generation })
  expect(recent.isAheadOf(session(1))).toBe(false)
  recent.set('s1', read)
  expect(recent.isAheadOf(session(1))).toBe(false)
  recent.noteIssued('s1', { generation: 2, accessToken: 'a' })
  expect([recent.isAheadOf(session(1)), recent.isAheadOf(session(2)), recent.isAheadOf(session(3))]).toEqual([
    true,
    false,
    false,
  ])
  expect(recent.isAheadOf(session(1, 's2'))).toBe(false)
  expect([recent.isAheadOf(null), recent.isAheadOf(undefined)]).toEqual([false, false])
})

it('remembers sessions while others refresh, and forgets them then', () => {
  recent.set('s1', read)
  for (let turn = 1; turn <= 3; turn++) {
    now = 1_000 + 10 * turn - 1
    recent.set(`other${turn}`, read)
  }
  expect(recent.get('s1')).toMatchObject(read)
  expect(recent.get('other3')).toMatchObject(read)
})
