import { randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { advanced, bound, confirmed, type Session, type SessionRow } from '../sessions/index.js'
import type { ClaimedStore } from './index.js'
import { readSession, withoutMark, storeSession } from '../../test/kit/claimed-store.js'

/** One write of a rotation. Generations are relative to the stored one, and instants to the present. */
type Write =
  | {
      readonly kind: 'advance'
      /** The number of writes that the session that was read is behind. */
      readonly behind: number
      readonly steps: number
      readonly after: number
      readonly sealedMember: string | null
    }
  | { readonly kind: 'confirm'; readonly ahead: number; readonly after: number }
  | { readonly kind: 'bind'; readonly behind: number; readonly jkt: string }
  | { readonly kind: 'end'; readonly after: number }

const instant = fc.integer({ min: 1, max: 2_000_000_000 })
const instantOrNull = fc.option(instant)
/** Includes fractions, and both sides of the sessions' expiry (10 to 30 s from now). */
const after = fc.oneof(fc.nat(40), fc.double({ min: 0, max: 40, noNaN: true }))
const sealedMember = fc.option(fc.string({ minLength: 1, maxLength: 40 }))

const stored = fc.record({
  generation: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 4_294_967_000 })),
  lastUsedAt: instant,
  expiresIn: fc.integer({ min: 10, max: 30 }),
  confirmedAt: instantOrNull,
  previousConfirmedAt: instantOrNull,
  sealedMember,
  jkt: fc.option(fc.base64String({ minLength: 4, maxLength: 44 })),
})

const write: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      behind: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 3 })),
      steps: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 9 })),
      after,
      sealedMember,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('confirm' as const),
      ahead: fc.integer({ min: -2, max: 3 }),
      after,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('bind' as const),
      behind: fc.nat(1),
      jkt: fc.base64String({ minLength: 4, maxLength: 44 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const), after }) },
)

/** Runs one write on the store, and returns the session that the pure functions expect it to hold. */
async function apply(write: Write, before: Session, applying: Applying): Promise<Session> {
  const { id, generation, endedAt } = before
  const { store, now } = applying
  if (write.kind === 'advance') return await applyAdvance(write, before, applying)
  if (write.kind === 'bind') return await applyBind(write, before, applying)
  const at = now + write.after
  if (write.kind === 'confirm') {
    const used = generation + write.ahead
    await store.sessions.confirm(id, used, at)
    return confirmed(before, used, at) ?? before
  }
  await store.sessions.end(id, 'reuse', at)
  return endedAt === null ? { ...before, endedAt: Math.floor(at), endReason: 'reuse' } : before
}

/** Binds the session as it was read, one write ago or just now. */
async function applyBind(
  { behind, jkt }: Extract<Write, { kind: 'bind' }>,
  before: Session,
  { store, reads }: Applying,
): Promise<Session> {
  const newest = reads.at(-1)
  const read = reads.at(-1 - behind) ?? newest
  if (!read) throw new Error('a session was read before')
  const next = read.mark === newest?.mark ? bound(before, jkt) : null
  const stands = await store.sessions.bind(read, jkt)
  // A session that cannot be bound is not written, so the store need not be asked how it stands.
  if (bound(read, jkt) !== null) expect(withoutMark(stands)).toEqual(next ?? before)
  return next ?? before
}

/** Advances the session as it was read, some writes ago or just now. */
async function applyAdvance(
  write: Extract<Write, { kind: 'advance' }>,
  before: Session,
  { store, now, reads }: Applying,
): Promise<Session> {
  const newest = reads.at(-1)
  const read = reads.at(-1 - write.behind) ?? newest
  if (!read) throw new Error('a session was read before')
  const toGeneration = read.generation + write.steps
  const change = { toGeneration, at: now + write.after, sealedMember: write.sealedMember }
  const next = read.mark === newest?.mark ? advanced(before, change) : null
  const { applied, session } = await store.sessions.advance(read, change)
  expect(applied).toBe(next !== null)
  // A session that is not live is not written, so the store need not be asked how it stands.
  if (advanced(read, change) !== null) expect(withoutMark(session)).toEqual(next ?? before)
  return next ?? before
}

interface Applying {
  readonly store: ClaimedStore
  readonly now: number
  /** The session as it was read after each write, oldest first. */
  readonly reads: readonly SessionRow[]
}

/** Holds the store to the pure functions of `sessions/rotation.ts`, field by field. */
export function itWritesRotationsAsSpecified(opened: () => { store: ClaimedStore; now: number }): void {
  it('holds what the pure functions return, after any sequence of writes to any session', async () => {
    await fc.assert(
      fc.asyncProperty(stored, fc.array(write, { minLength: 1, maxLength: 6 }), async (start, writes) => {
        const { store, now } = opened()
        const { expiresIn, ...fields } = start
        let expected: Session = {
          ...fields,
          id: randomBytes(16).toString('base64url'),
          memberId: 'mem_ada',
          epoch: 0,
          userAgent: null,
          createdAt: 1,
          expiresAt: now + expiresIn,
          endedAt: null,
          endReason: null,
        }
        await storeSession(store.sessions, expected, now)
        const reads: SessionRow[] = []
        for (const write of writes) {
          const read = await store.sessions.read(expected.id)
          if (read) reads.push(read)
          expected = await apply(write, expected, { store, now, reads })
          expect(await readSession(store.sessions, expected.id)).toEqual(expected)
        }
      }),
      { numRuns: 60, seed: 20_261_128 },
    )
  })
}
