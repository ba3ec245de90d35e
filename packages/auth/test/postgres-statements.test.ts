import { startEmulator, type Emulator } from '@perennial/emulator'
import { Pool } from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createPostgresStore } from '../src/stores/postgres/store.js'
import { closeAll, startInstance, toPair, type SharingInstance } from './kit/instances.js'
import { hasPostgres, postgresStartMs, startPostgres, type PostgresServer } from './kit/postgres.js'

/** Returns how many requests of a limit a statement counts. */
function countsOf(limit: string, [counts]: readonly (string | number | null)[]): number {
  const list: unknown = JSON.parse(String(counts))
  const entries = Array.isArray(list) ? list : []
  return entries.reduce((sum: number, entry) => sum + (entry.name === limit ? Number(entry.times) : 0), 0)
}

describe.runIf(hasPostgres())('the statements of an instance on Postgres', () => {
  let postgres: PostgresServer
  let emulator: Emulator
  let pool: Pool
  let sent: string[]
  /** A rotation waits until the limit of an address has been counted so many times more. */
  let toCount: number
  let counted: () => void
  beforeAll(async () => {
    postgres = await startPostgres()
    emulator = await startEmulator({ adminRequestsPerSecond: 1_000_000 })
    pool = new Pool({ connectionString: postgres.url })
  }, postgresStartMs)
  afterAll(async () => {
    await pool.end()
    await emulator.close()
    await postgres.remove()
  })
  beforeEach(async () => {
    sent = []
    toCount = 0
    counted = () => {}
    await postgres.drop()
  })

  /** Runs with an instance whose statements are noted, without those of its timers. */
  const withInstance = async (use: (instance: SharingInstance) => Promise<void>) => {
    const store = createPostgresStore({
      async query(text, values) {
        const isOfTimer = /^WITH replica|DELETE FROM|clock_timestamp/.test(text.trim())
        if (!isOfTimer) sent.push(text)
        if (text.includes('.replace_sessions') && toCount > 0)
          await new Promise<void>((resolve) => (counted = resolve))
        const result = await pool.query(text, values)
        if (text.includes('.count_limits') && toCount > 0) {
          toCount -= countsOf('ip', values)
          if (toCount <= 0) setImmediate(counted)
        }
        return result
      },
    })
    const instance = await startInstance(emulator, '', { store })
    try {
      await use(instance)
    } finally {
      await closeAll([instance])
    }
  }
  /** Returns the functions and tables of the statements about sessions since the last call, and those of the others. */
  const take = () => {
    const taken = sent.splice(0).map((text) => String(/"perennial"\.([a-z_]+[a-z])/.exec(text)?.[1]))
    return {
      sessions: taken.filter((what) => what.endsWith('sessions')),
      others: taken.filter((what) => !what.endsWith('sessions')),
    }
  }

  it('of a refresh are a read and a compare-and-set, beside those of limits and quota', async () => {
    await withInstance(async (instance) => {
      let { refreshToken } = await instance.signIn()
      for (let turn = 0; turn < 3; turn += 1) {
        take()
        const answer = await instance.refresh(refreshToken)
        expect(answer.status).toBe(200)
        const { sessions, others } = take()
        expect(sessions).toEqual(['read_sessions', 'replace_sessions'])
        expect(others.filter((table) => !/^(count_limits|admin_\w+)$/.test(table))).toEqual([])
        expect(others.filter((table) => table === 'count_limits').length).toBeLessThanOrEqual(2)
        refreshToken = toPair(answer.body).refreshToken
      }
    })
  })

  it('of twenty sessions that are refreshed at once are fewer than twenty of each kind', async () => {
    await withInstance(async (instance) => {
      const tokens = []
      for (let session = 0; session < 20; session += 1) tokens.push((await instance.signIn()).refreshToken)
      take()
      const answers = await Promise.all(tokens.map((token) => instance.refresh(token)))
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
      const { sessions, others } = take()
      const reads = sessions.filter((word) => word === 'read_sessions').length
      expect(reads).toBeLessThan(20)
      expect(sessions.length - reads).toBeLessThan(20)
      expect(others.filter((table) => table === 'count_limits').length).toBeLessThan(40)
    })
  })

  it('of fifty refreshes of one token at once are those of one, and none of a known access token', async () => {
    await withInstance(async (instance) => {
      const { refreshToken } = await instance.signIn()
      take()
      // Each is counted first, so that all have come before the rotation ends.
      toCount = 50
      const answers = await Promise.all(Array.from({ length: 50 }, () => instance.refresh(refreshToken)))
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
      expect(take().sessions).toEqual(['read_sessions', 'replace_sessions'])
      const { accessToken } = toPair(answers[0]?.body ?? {})
      // The first use confirms the generation: a read and a write, after the answer.
      expect((await instance.me(accessToken)).status).toBe(200)
      await expect.poll(() => sent.filter((text) => text.includes('.replace_sessions')).length).toBe(1)
      take()
      for (let turn = 0; turn < 10; turn += 1) expect((await instance.me(accessToken)).status).toBe(200)
      expect(take().sessions).toEqual([])
    })
  })
})
