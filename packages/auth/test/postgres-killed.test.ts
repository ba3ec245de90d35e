import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { AuthError } from '../src/base/errors.js'
import { systemClock } from '../src/base/time.js'
import { beginSession } from '../src/sessions/index.js'
import { openStore } from '../src/stores/index.js'
import { claimForTest, storeSession } from './kit/claimed-store.js'
import { hasPostgres, startPostgres } from './kit/postgres.js'

/** How often the server is killed; 50 times in the long run. */
const kills = process.env['PERENNIAL_LONG'] ? 50 : 3
const sessionCount = 20

/** The last generation that was acknowledged, and the one that may have been written without an answer. */
interface Known {
  acknowledged: number
  possible: number
}

describe.runIf(hasPostgres())('a Postgres that is killed under load', () => {
  it(
    `loses no session and no acknowledged rotation, in ${kills} kills`,
    { timeout: 60_000 + kills * 20_000 },
    async () => {
      const postgres = await startPostgres('durable')
      const store = claimForTest(await openStore(postgres.url, { clock: systemClock }))
      const { sessions } = store
      const known = new Map<string, Known>()
      const now = Math.floor(systemClock())
      for (let count = 0; count < sessionCount; count++) {
        const id = randomBytes(16).toString('base64url')
        const start = { id, memberId: 'mem_ada', userAgent: null, expiresAt: now + 86_400, sealedMember: 's' }
        await storeSession(sessions, beginSession({ ...start, now }), now)
        known.set(id, { acknowledged: 1, possible: 1 })
      }
      const state = { isOver: false, rotations: 0 }
      const rotate = async (id: string, facts: Known) => {
        const row = await sessions.read(id)
        if (row === null) throw new TypeError('a session is lost')
        expect(row.generation).toBeGreaterThanOrEqual(facts.acknowledged)
        expect(row.generation).toBeLessThanOrEqual(facts.possible)
        facts.possible = row.generation + 1
        const change = { toGeneration: facts.possible, at: systemClock(), sealedMember: null }
        const { applied } = await sessions.advance(row, change)
        expect(applied).toBe(true)
        facts.acknowledged = facts.possible
        state.rotations += 1
      }
      const member = async (id: string, facts: Known) => {
        while (!state.isOver) {
          await rotate(id, facts).catch((error: unknown) => {
            if (!(error instanceof AuthError)) throw error
            expect(error.code).toBe('AUTH_UNAVAILABLE')
          })
        }
      }
      const members = Promise.all([...known].map(([id, facts]) => member(id, facts)))
      try {
        for (let kill = 0; kill < kills; kill++) {
          const before = state.rotations
          await expect.poll(() => state.rotations - before).toBeGreaterThan(100)
          await postgres.kill()
          await postgres.start()
        }
        await expect
          .poll(() =>
            store.check().then(
              () => 'well',
              () => 'away',
            ),
          )
          .toBe('well')
      } finally {
        state.isOver = true
        await members
        for (const [id, facts] of known) await rotate(id, facts)
        await store.close()
        await postgres.remove()
      }
    },
  )
})
