import { randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { advanced, confirmed, type Session } from '../sessions/index.js'
import type { Store } from './store.js'

/** One write of a rotation. Generations are relative to the stored one, and instants to the present. */
type Write =
  | {
      readonly kind: 'advance'
      readonly fromAhead: number
      readonly steps: number
      readonly after: number
      readonly sealedMember: string | null
    }
  | { readonly kind: 'confirm'; readonly ahead: number; readonly after: number }
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
})

const write: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      fromAhead: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: -2, max: 2 })),
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
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const), after }) },
)

/** Runs one write on the store, and returns the session that the pure functions expect it to hold. */
async function apply(write: Write, before: Session, { store, now }: { store: Store; now: number }) {
  const { id, generation } = before
  const at = now + write.after
  if (write.kind === 'advance') {
    const fromGeneration = generation + write.fromAhead
    const toGeneration = fromGeneration + write.steps
    const change = { id, fromGeneration, toGeneration, at, sealedMember: write.sealedMember }
    const next = advanced(before, change)
    const expected = { applied: next !== null, session: next ?? before }
    expect(await store.sessions.advance(change)).toEqual(expected)
    return expected.session
  }
  if (write.kind === 'confirm') {
    const used = generation + write.ahead
    await store.sessions.confirm(id, used, at)
    return confirmed(before, used, at) ?? before
  }
  await store.sessions.end(id, 'reuse', at)
  if (before.endedAt !== null) return before
  return { ...before, endedAt: Math.floor(at), endReason: 'reuse' as const }
}

/** Holds the store to the pure functions of `sessions/rotation.ts`, field by field. */
export function itWritesRotationsAsSpecified(opened: () => { store: Store; now: number }): void {
  it('holds what the pure functions return, after any sequence of writes to any session', async () => {
    await fc.assert(
      fc.asyncProperty(stored, fc.array(write, { minLength: 1, maxLength: 6 }), async (start, writes) => {
        const { store, now } = opened()
        const { expiresIn, ...fields } = start
        let expected: Session = {
          ...fields,
          id: randomBytes(16).toString('base64url'),
          memberId: 'mem_ada',
          userAgent: null,
          createdAt: 1,
          expiresAt: now + expiresIn,
          endedAt: null,
          endReason: null,
        }
        await store.sessions.create(expected, now)
        for (const write of writes) {
          expected = await apply(write, expected, { store, now })
          expect(await store.sessions.read(expected.id)).toEqual(expected)
        }
      }),
      { numRuns: 60, seed: 20_261_128 },
    )
  })
}
