import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createPostgresEpoch } from '../src/stores/postgres/epoch.js'
import { createStatements } from '../src/stores/postgres/statements.js'
import { hasPostgres, postgresStartMs, startPostgres, type PostgresServer } from './kit/postgres.js'

describe.runIf(hasPostgres())('the end of all sessions of a Postgres store', () => {
  let postgres: PostgresServer
  beforeAll(async () => {
    postgres = await startPostgres()
  }, postgresStartMs)
  afterAll(() => postgres.remove())
  beforeEach(() => postgres.drop())

  const at = 1_000
  /** Opens the epoch of a store that counts three sessions at once. `mostCounts`: the counts after which the server fails. */
  const open = async (mostCounts = Number.POSITIVE_INFINITY) => {
    let counts = 0
    const query = async (text: string, values: (string | number | null)[]) => {
      if (text.includes('count(*) AS live') && ++counts > mostCounts) throw new Error('gone')
      return await postgres.admin.query(text, values)
    }
    const statements = createStatements({ query }, 'perennial')
    await statements.ready()
    const epoch = createPostgresEpoch(statements, { publish: () => {} }, 3)
    const replace = (next: number, expected: string | null) =>
      epoch.replaceEpoch({ next: { epoch: next, mark: `mark ${next}` }, expected, at })
    return { replace, counts: () => counts }
  }
  /** Writes sessions with these expiries. */
  const add = async (epoch: number, expiries: readonly number[], endedAt: number | null = null) => {
    await postgres.admin.query(
      `INSERT INTO perennial.sessions (id, member_id, created_at, last_used_at, expires_at, generation, epoch, ended_at, mark)
       SELECT gen_random_uuid()::text, 'mem_ada', 0, 0, expiry, 1, $2, $3, '' FROM unnest($1::bigint[]) AS expiry`,
      [expiries, epoch, endedAt],
    )
  }

  it.each([
    ['none', []],
    ['one', [at + 1]],
    ['as many as it counts at once', [at + 1, at + 2, at + 3]],
    ['one more', [at + 1, at + 2, at + 3, at + 4]],
    ['many that expire in the same second', [at + 1, ...Array<number>(10).fill(at + 2), at + 3]],
    ['all in one second', Array<number>(8).fill(at + 5)],
  ])('counts the live ones a few at once: %s', async (_, expiries) => {
    const { replace } = await open()
    expect(await replace(5, null)).toBe(0)
    await add(5, expiries)
    await add(5, [at, at - 1])
    await add(5, [at + 9], at - 5)
    await add(4, [at + 9])
    expect(await replace(6, 'mark 5')).toBe(expiries.length)
  })

  it('counts those of all epochs that it ends', async () => {
    const { replace } = await open()
    await replace(5, null)
    await add(5, [at, at + 1, at + 2])
    await add(6, [at, at + 1])
    await add(7, [at - 1, at + 1, at + 1, at + 1, at + 1])
    await add(8, [at + 1])
    expect(await replace(8, 'mark 5')).toBe(7)
  })

  it('is done, with what was counted by then, if the server fails during the count', async () => {
    const { replace, counts } = await open(3)
    await replace(5, null)
    await add(
      5,
      Array.from({ length: 20 }, (_, index) => at + 1 + index),
    )
    expect(counts()).toBe(1)
    expect(await replace(6, 'mark 5')).toBe(8)
    const { rows } = await postgres.admin.query('SELECT epoch FROM perennial.store_epoch')
    expect(rows).toEqual([{ epoch: '6' }])
  })
})
