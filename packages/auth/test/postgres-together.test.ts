import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { LimitCounter, LimitPolicy } from '../src/limits/index.js'
import { beginSession, type SessionRow } from '../src/sessions/index.js'
import { createPostgresStore } from '../src/stores/postgres/store.js'
import type { Store } from '../src/stores/index.js'
import { hasPostgres, postgresStartMs, startPostgres, type PostgresServer } from './kit/postgres.js'

function limitOf({ limiters }: Store, name: LimitPolicy['name'], windowSeconds: number): LimitCounter {
  if (!limiters) throw new Error('no counters')
  return limiters({ name, quota: 10, windowSeconds })
}

describe.runIf(hasPostgres())('calls of a Postgres store that come together', () => {
  let postgres: PostgresServer
  let time: { now: number }
  let sent: string[]
  let stores: Store[]
  beforeAll(async () => {
    postgres = await startPostgres()
  }, postgresStartMs)
  afterAll(() => postgres.remove())
  beforeEach(async () => {
    time = { now: 1_800_000_000 }
    sent = []
    stores = []
    await postgres.drop()
  })
  afterEach(async () => {
    for (const store of stores) await store.close()
  })

  /** Opens a store whose statements are noted. */
  const open = async (): Promise<Store> => {
    const query = async (text: string, values: (string | number | null)[]) => {
      sent.push(text)
      return await postgres.admin.query(text, values)
    }
    const store = createPostgresStore({ query }, { clock: () => time.now })
    stores.push(store)
    await store.check()
    return store
  }
  const rowOf = (id: string, changes: Partial<SessionRow> = {}): SessionRow => ({
    ...beginSession({
      id,
      memberId: 'mem_ada',
      userAgent: null,
      expiresAt: time.now + 1000,
      sealedMember: null,
      now: time.now,
    }),
    mark: `mark of ${id}`,
    ...changes,
  })
  const numbersTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1)
  const insertAll = async ({ sessions }: Store, rows: readonly SessionRow[]) => {
    for (const row of rows)
      expect(await sessions.insert(row, { issuedAt: time.now, mostSessions: 1000 })).toMatchObject({
        kind: 'created',
      })
  }

  it('are one statement for all that replace a row, and write each field of each', async () => {
    const { sessions, ...store } = await open()
    const rows = numbersTo(30).map((number) => rowOf(`session ${number}`))
    await insertAll({ sessions, ...store }, rows)
    const texts = ['\\u0000 is no NUL', 'NUL \0', 'half \ud83d', `'quoted' "twice"`, '', 'é😀', null]
    const next = rows.map((row, index) => ({
      ...row,
      userAgent: texts[index % texts.length] ?? null,
      lastUsedAt: time.now + index,
      expiresAt: time.now + 2000 + index,
      generation: index === 7 ? 4_294_967_295 : index + 2,
      confirmedAt: index % 2 === 0 ? null : time.now + index,
      previousConfirmedAt: index % 3 === 0 ? null : time.now - index,
      sealedMember: texts[(index + 3) % texts.length] ?? null,
      jkt: index % 4 === 0 ? null : `key ${index}`,
      mark: `next mark of ${row.id}`,
    }))
    sent = []
    const results = await Promise.all(
      next.map((row, index) => sessions.replace(row, rows[index]?.mark ?? '')),
    )
    expect(results).toEqual(next.map(() => 'replaced'))
    expect(sent).toHaveLength(1)
    expect(await Promise.all(next.map(({ id }) => sessions.read(id)))).toEqual(next)
    expect(sent).toHaveLength(2)
  })

  it('refuse each that lost, and read what is stored in its place', async () => {
    const { sessions, ...store } = await open()
    const [won, lost, ended] = [rowOf('won'), rowOf('lost'), rowOf('ended')]
    await insertAll({ sessions, ...store }, [won, lost, ended])
    await sessions.end('ended', 'sign_out', time.now)
    const results = await Promise.all([
      sessions.replace({ ...won, generation: 2, mark: 'second' }, won.mark),
      sessions.replace({ ...lost, generation: 2, mark: 'second' }, 'another mark'),
      sessions.replace({ ...ended, generation: 2, mark: 'second' }, ended.mark),
      sessions.replace(rowOf('unknown'), 'mark'),
    ])
    expect(results).toEqual(['replaced', lost, { ...ended, endedAt: time.now, endReason: 'sign_out' }, null])
    expect(await sessions.read('won')).toMatchObject({ generation: 2, mark: 'second' })
  })

  it.each([
    ['each with its own row', (number: number) => `mark ${number}`],
    ['all with the same row', () => 'the same mark'],
  ])('let one of many replace one row, %s', async (_, markOf) => {
    const { sessions, ...store } = await open()
    const row = rowOf('wanted')
    await insertAll({ sessions, ...store }, [row])
    const results = await Promise.all(
      numbersTo(20).map((number) =>
        sessions.replace({ ...row, generation: 2, mark: markOf(number) }, row.mark),
      ),
    )
    expect(results.filter((result) => result === 'replaced')).toHaveLength(1)
    const stored = await sessions.read('wanted')
    expect(results.filter((result) => result !== 'replaced')).toEqual(Array(19).fill(stored))
    expect(stored?.mark).toBe(markOf(results.indexOf('replaced') + 1))
  })

  it('of two instances replace each row once, whichever of them it is', async () => {
    const [one, other] = [await open(), await open()]
    const rows = numbersTo(50).map((number) => rowOf(`session ${number}`))
    await insertAll(one, rows)
    const replaceAll = ({ sessions }: Store, name: string, order: readonly SessionRow[]) =>
      Promise.all(
        order.map(async (row) => ({
          id: row.id,
          result: await sessions.replace({ ...row, generation: 2, mark: `${name} ${row.id}` }, row.mark),
        })),
      )
    const all = await Promise.all([
      replaceAll(one, 'one', rows),
      replaceAll(other, 'other', rows.toReversed()),
    ])
    const winners = all.flat().filter(({ result }) => result === 'replaced')
    expect(new Set(winners.map(({ id }) => id)).size).toBe(50)
    expect(winners).toHaveLength(50)
  })

  it('are counted exactly, in the order in which they came, under each limit and key', async () => {
    const [ip, session] = [limitOf(await open(), 'ip', 60), limitOf(await open(), 'session', 30)]
    expect(await ip.count('203.0.113.7')).toEqual({ count: 1, resetSeconds: 60 })
    time.now += 10
    const many = await Promise.all(numbersTo(50).map(async () => await ip.count('203.0.113.7')))
    expect(many).toEqual(numbersTo(50).map((number) => ({ count: number + 1, resetSeconds: 50 })))
    const others = await Promise.all([
      ip.count('key \\u0000 \0 \ud83d'),
      session.count('203.0.113.7'),
      session.count('another'),
      session.count('another'),
    ])
    expect(others.map(({ count }) => count)).toEqual([1, 1, 1, 2])
    expect(others.map(({ resetSeconds }) => resetSeconds)).toEqual([60, 30, 30, 30])
  })

  it('are one statement for all that are counted, of any limit', async () => {
    const store = await open()
    const [ip, session] = [limitOf(store, 'ip', 60), limitOf(store, 'session', 30)]
    sent = []
    await Promise.all([ip.count('a'), ip.count('b'), ip.count('a'), session.count('a')])
    expect(sent).toHaveLength(1)
  })

  it.each([
    ['is over', 60],
    ['begins far in the future, after the clock was set back', -1000],
  ])('begin a window anew if the stored one %s', async (_, seconds) => {
    const ip = limitOf(await open(), 'ip', 60)
    await ip.count('a')
    time.now += seconds
    const anew = await Promise.all([ip.count('a'), ip.count('a')])
    expect(anew).toEqual([1, 2].map((count) => ({ count, resetSeconds: 60 })))
  })

  it('of two instances are counted without a gap', async () => {
    const [one, other] = [limitOf(await open(), 'ip', 60), limitOf(await open(), 'ip', 60)]
    const keys = numbersTo(40).map((number) => `key ${number % 4}`)
    const countAll = (limit: LimitCounter, order: readonly string[]) =>
      Promise.all(order.map(async (key) => ({ key, count: (await limit.count(key)).count })))
    const readings = await Promise.all([countAll(one, keys), countAll(other, keys.toReversed())])
    for (const key of new Set(keys)) {
      const counts = readings.flat().flatMap((reading) => (reading.key === key ? [reading.count] : []))
      expect(counts.toSorted((a, b) => a - b)).toEqual(numbersTo(20))
    }
  })

  it('all fail if their statement fails, and the next ones do not', async () => {
    const { sessions, ...store } = await open()
    await insertAll({ sessions, ...store }, [rowOf('a'), rowOf('b')])
    await postgres.admin.query('ALTER TABLE perennial.sessions RENAME TO away')
    const results = await Promise.allSettled(['a', 'b'].map((id) => sessions.read(id)))
    expect(results.map((result) => result.status === 'rejected' && result.reason.code)).toEqual(
      Array(2).fill('AUTH_UNAVAILABLE'),
    )
    await postgres.admin.query('ALTER TABLE perennial.away RENAME TO sessions')
    expect(await sessions.read('a')).toEqual(rowOf('a'))
  })
})
