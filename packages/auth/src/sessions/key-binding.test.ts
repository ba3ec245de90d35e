import { describe, expect, it } from 'vitest'
import { provenBy } from '../../test/kit/proofs.js'
import type { PresentedProof } from '../tokens/index.js'
import { bindToShown, keyOf, proveKey, requireKey, requireNoKey } from './key-binding.js'
import type { SessionRow } from './session-store.js'
import { beginSession } from './session.js'

const start = { id: 's1', memberId: 'mem_ada', userAgent: null, expiresAt: 9_000, sealedMember: null, now: 1 }
const rowOf = (change: Partial<SessionRow> = {}): SessionRow => ({
  ...beginSession(start),
  mark: '',
  ...change,
})
const showing = (jkt: string): PresentedProof => ({
  ...provenBy(jkt),
  keyFor: (id) => (id === 's1' ? jkt : undefined),
})

/** A store that answers each `bind` with the next of these. */
function createStore(...answers: (SessionRow | null)[]) {
  const asked: string[] = []
  const bind = async (read: SessionRow, jkt: string) => {
    asked.push(`${read.generation} ${jkt}`)
    return answers.shift() ?? null
  }
  return { asked, bind }
}

describe('the key of a session', () => {
  it('is asked for only if the session is bound', async () => {
    const never = { ...provenBy('k'), use: () => expect.fail() }
    await requireKey({ jkt: null, memberId: 'mem_ada' }, never)
    await requireKey({ jkt: 'k', memberId: 'mem_ada', id: 's1' }, provenBy('k'))
  })

  it('that is missing or another one is named with the session and its member', async () => {
    const bound = { jkt: 'k', memberId: 'mem_ada', id: 's1' }
    const subject = { memberId: 'mem_ada', sessionId: 's1' }
    const code = 'AUTH_PROOF_INVALID'
    await expect(requireKey(bound, undefined)).rejects.toMatchObject({ code, reason: 'missing', subject })
    await expect(requireKey(bound, provenBy('x'))).rejects.toMatchObject({
      code,
      reason: 'other_key',
      subject,
    })
    const begun = requireKey({ jkt: 'k', memberId: 'mem_ada' }, undefined)
    const error: unknown = await begun.catch((thrown: unknown) => thrown)
    expect(Object(error).subject).toEqual({ memberId: 'mem_ada' })
  })

  it('is told to the proof with the id of the session', async () => {
    const asked: unknown[] = []
    const proof = { ...provenBy('k'), use: async (...about: unknown[]) => (asked.push(about), null) }
    await requireKey({ jkt: 'k', memberId: 'mem_ada', id: 's1' }, proof)
    expect(asked).toEqual([['k', 's1']])
  })

  it('of a sign-in is that of its proof; without one there is none, unless one is required', () => {
    expect(keyOf(provenBy('k'), false)).toBe('k')
    expect(keyOf(provenBy('k'), true)).toBe('k')
    expect(keyOf(undefined, false)).toBeNull()
    const code = 'AUTH_PROOF_INVALID'
    expect(() => keyOf(undefined, true)).toThrow(expect.objectContaining({ code, reason: 'missing' }))
    const wrong: PresentedProof = { ...provenBy('k'), judge: () => ({ reason: 'htm' }) }
    expect(() => keyOf(wrong, false)).toThrow(expect.objectContaining({ code, reason: 'htm' }))
  })
})

describe('a session whose browser shows a key', () => {
  it('becomes bound to it, once', async () => {
    const bound = rowOf({ jkt: 'k' })
    const store = createStore(bound)
    expect(await bindToShown(rowOf(), showing('k'), store)).toBe(bound)
    expect(await bindToShown(bound, showing('other'), store)).toBe(bound)
    expect(store.asked).toEqual(['1 k'])
  })

  it('stays as it is if there is no key to show, it has ended, or it is gone', async () => {
    const store = createStore(null)
    const [row, ended] = [rowOf(), rowOf({ endedAt: 1 })]
    expect(await bindToShown(row, provenBy('k'), store)).toBe(row)
    expect(await bindToShown(row, { keyFor: () => undefined }, store)).toBe(row)
    expect(await bindToShown(ended, showing('k'), store)).toBe(ended)
    expect(store.asked).toEqual([])
    expect(await bindToShown(row, showing('k'), store)).toBe(row)
    expect(store.asked).toEqual(['1 k'])
  })

  it('is read again if another write was faster, five times, and then it is trouble', async () => {
    const moved = (generation: number) => rowOf({ generation })
    const won = createStore(moved(2), moved(3), moved(4), rowOf({ jkt: 'k' }))
    expect(await bindToShown(rowOf(), showing('k'), won)).toMatchObject({ jkt: 'k' })
    expect(won.asked).toEqual(['1 k', '2 k', '3 k', '4 k'])
    const lost = createStore(...[2, 3, 4, 5, 6, 7].map(moved))
    await expect(bindToShown(rowOf(), showing('k'), lost)).rejects.toMatchObject({
      code: 'AUTH_UNAVAILABLE',
      reason: 'contended',
    })
    expect(lost.asked).toHaveLength(5)
  })

  it('needs the key from then on', async () => {
    const other = createStore(rowOf({ jkt: 'other' }))
    await expect(proveKey(rowOf(), showing('k'), other)).rejects.toMatchObject({ reason: 'other_key' })
    const own = createStore(rowOf({ jkt: 'k' }))
    expect(await proveKey(rowOf(), showing('k'), own)).toMatchObject({ jkt: 'k' })
    const unbound = rowOf()
    expect(await proveKey(unbound, provenBy('k'), own)).toBe(unbound)
  })
})

describe('a request without the key', () => {
  const bound = rowOf({ jkt: 'a', createdAt: 1_000 })
  const at = (now: number, keyInCookie?: boolean) => ({ clock: () => now, keyInCookie })

  it('may have left before its browser got the cookie that shows it: then it is asked to try again', async () => {
    const awaited = { status: 503, retryable: true, retryAfterSeconds: 1, reason: 'missing' }
    for (const now of [1_000, 1_179.9]) {
      await expect(requireNoKey(bound, at(now, true), 'refreshUnavailable')).rejects.toMatchObject({
        ...awaited,
        code: 'AUTH_TOKEN_REFRESH_FAILED',
      })
      await expect(requireNoKey(bound, at(now, true), 'proofSkipped')).rejects.toMatchObject({
        ...awaited,
        code: 'AUTH_UNAVAILABLE',
      })
    }
  })

  it.each([
    ['after that time', at(1_180, true)],
    ['where browsers show no key by a cookie', at(1_000, false)],
    ['where nothing is said of cookies', at(1_000)],
  ])('is refused %s', async (_when, rules) => {
    await expect(requireNoKey(bound, rules, 'refreshUnavailable')).rejects.toMatchObject({
      code: 'AUTH_PROOF_INVALID',
      reason: 'missing',
    })
  })

  it('is good for a session that is not bound', async () => {
    const unbound = rowOf({ createdAt: 1_000 })
    await expect(requireNoKey(unbound, at(1_000, true), 'refreshUnavailable')).resolves.toBeUndefined()
  })
})
