import { describe, expect, it } from 'vitest'
import { beginSession } from '../sessions/index.js'
import { createMemberIndex } from './member-index.js'

const session = (id: string, createdAt: number, memberId = 'mem_ada') => ({
  ...beginSession({ id, memberId, userAgent: null, expiresAt: 1e9, sealedMember: null, now: createdAt }),
  mark: '',
})

const indexOf = (...sessions: readonly ReturnType<typeof session>[]) => {
  const index = createMemberIndex()
  for (const one of sessions) index.add(one)
  return index
}

describe('the index of the sessions of members', () => {
  it('has the sessions of a member by their creation, in whatever order they were added', () => {
    const index = indexOf(session('b', 20), session('d', 100), session('a', 3), session('c', 20))

    expect([...index.oldestFirst('mem_ada')]).toEqual(['a', 'b', 'c', 'd'])
    expect([...index.newestFirst('mem_ada', null)].map(({ id }) => id)).toEqual(['d', 'c', 'b', 'a'])
  })

  it('goes on before a place, which stays valid when its session is gone', () => {
    const index = indexOf(session('a', 1), session('b', 2), session('c', 3))
    const [, second] = [...index.newestFirst('mem_ada', null)]
    index.remove(session('b', 2))

    expect([...index.newestFirst('mem_ada', second?.place ?? '')].map(({ id }) => id)).toEqual(['a'])
  })

  it('forgets a session that is removed, and no other one', () => {
    const index = indexOf(session('a', 1), session('b', 2), session('c', 2), session('z', 1, 'mem_bob'))
    index.remove(session('b', 2))

    expect([...index.oldestFirst('mem_ada')]).toEqual(['a', 'c'])
    expect([...index.oldestFirst('mem_bob')]).toEqual(['z'])
    expect([index.countOf('mem_ada'), index.countOf('mem_bob')]).toEqual([2, 1])
  })

  it('forgets no other session if one is removed twice', () => {
    const index = indexOf(session('a', 1), session('b', 2), session('c', 3))
    index.remove(session('b', 2))
    index.remove(session('b', 2))

    expect([...index.oldestFirst('mem_ada')]).toEqual(['a', 'c'])
  })

  it.each([
    ['of a member with no sessions', session('a', 1, 'mem_nobody')],
    ['that is not in it', session('x', 1)],
  ])('ignores the removal of a session %s', (_, unknown) => {
    const index = indexOf(session('a', 1), session('b', 2))
    index.remove(unknown)

    expect([...index.oldestFirst('mem_ada')]).toEqual(['a', 'b'])
  })

  it('has nothing of a member without sessions, before the first and after the last', () => {
    const index = indexOf(session('a', 1))
    index.remove(session('a', 1))

    for (const memberId of ['mem_ada', 'mem_nobody']) {
      expect(index.countOf(memberId)).toBe(0)
      expect([...index.oldestFirst(memberId)]).toEqual([])
      expect([...index.newestFirst(memberId, null)]).toEqual([])
    }
  })
})
