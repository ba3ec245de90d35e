import { createServer } from 'node:net'
import { once } from 'node:events'
import { Pool } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AuthError } from '../src/base/errors.js'
import { beginSession } from '../src/sessions/index.js'
import { openStore, type Store } from '../src/stores/index.js'
import { migration } from '../src/stores/postgres/schema.js'
import { createPostgresStore, type PostgresClient } from '../src/stores/postgres/store.js'
import { claimForTest, endAllOf, readSession, storeSession } from './kit/claimed-store.js'
import { createFakeTime } from './kit/fake-time.js'
import { hasPostgres, postgresStartMs, startPostgres, type PostgresServer } from './kit/postgres.js'
import { freePort } from './kit/redis.js'

const memberId = 'mem_ada'
const begin = (id: string, now: number, expiresAt = now + 1_000) =>
  beginSession({ id, memberId, userAgent: null, expiresAt, sealedMember: 'sealed', now })

describe.runIf(hasPostgres())('a Postgres store', () => {
  let postgres: PostgresServer
  let pool: Pool
  const stores: Store[] = []
  const track = (store: Store) => {
    stores.push(store)
    return store
  }
  /** A client that records the statements. `failing` fails a statement before it is sent. */
  const recording = (
    statements: string[],
    failing: (text: string) => Error | null = () => null,
  ): PostgresClient => ({
    async query(text, values) {
      statements.push(text)
      const error = failing(text)
      if (error) throw error
      return await pool.query(text, values)
    },
  })

  beforeAll(async () => {
    postgres = await startPostgres()
    pool = new Pool({ connectionString: postgres.url })
    pool.on('error', () => {})
  }, postgresStartMs)
  afterAll(async () => {
    await pool.end()
    await postgres.remove()
  })
  beforeEach(() => postgres.drop())
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close()
  })

  it('is migrated once by twenty instances that start at once, and by none of them again', async () => {
    const clients = Array.from({ length: 20 }, () => createPostgresStore(recording([])))
    await Promise.all(clients.map((client) => track(client).check()))
    expect(await postgres.query('SELECT version FROM perennial.store_version')).toEqual([{ version: 3 }])
    const statements: string[] = []
    await track(createPostgresStore(recording(statements))).check()
    expect(statements).toHaveLength(2)
  })

  /** Takes a schema back to an earlier version. */
  const downgrade = async (version: 1 | 2) => {
    await postgres.query('ALTER TABLE perennial.sessions DROP COLUMN jkt; DROP TABLE perennial.used_proofs')
    if (version === 1)
      await postgres.query(`
        DROP INDEX perennial.sessions_member, perennial.sessions_epoch;
        DROP TABLE perennial.store_epoch;
        ALTER TABLE perennial.sessions DROP COLUMN epoch;
        ALTER TABLE perennial.sign_in_cutoffs DROP COLUMN sign_ins;
        CREATE INDEX sessions_member ON perennial.sessions (member_id, created_at, row_id) WHERE ended_at IS NULL`)
    await postgres.query(`UPDATE perennial.store_version SET version = ${version}`)
  }

  it.each([1, 2] as const)('is brought up to date from version %i, with its sessions', async (version) => {
    const time = createFakeTime()
    const before = claimForTest(createPostgresStore(recording([]), time))
    await storeSession(before.sessions, begin('a', time.now), time.now)
    await before.close()
    await downgrade(version)
    const [store, beside] = [1, 2].map(() => claimForTest(track(createPostgresStore(recording([]), time))))
    if (!store || !beside) throw new Error('two were created')
    expect(await Promise.all([store, beside].map(({ sessions }) => readSession(sessions, 'a')))).toEqual(
      [1, 2].map(() => expect.objectContaining({ id: 'a', jkt: null })),
    )
    await storeSession(store.sessions, { ...begin('b', time.now), jkt: 'key' }, time.now)
    expect(await readSession(store.sessions, 'b')).toMatchObject({ id: 'b', jkt: 'key' })
    expect(await store.usedProofs?.use('p', 150)).toBe(true)
    expect(
      (
        await endAllOf(store.sessions, {
          memberId,
          reason: 'reuse',
          at: time.now,
          refuseSignInsIssuedUntil: 5,
        })
      ).length,
    ).toBe(2)
  })

  it.each([
    ['of a version without them', 'DROP FUNCTION perennial.read_sessions_1, perennial.count_limits_1'],
    ['renamed', 'ALTER SCHEMA perennial RENAME TO shop'],
  ])('gives its functions to a schema %s, at the start of twenty instances', async (_, change) => {
    await track(createPostgresStore(pool)).check()
    await postgres.query(change)
    const prefix = change.endsWith('shop') ? 'shop' : 'perennial'
    const asOwner = () => createPostgresStore(recording([]), { clock: () => 1, prefix })
    const started = Array.from({ length: 20 }, () => track(asOwner()))
    await Promise.all(started.map((store) => store.check()))
    const { sessions } = claimForTest(track(asOwner()))
    expect(await storeSession(sessions, begin('a', 1), 1)).toBe('created')
    expect(await readSession(sessions, 'a')).toMatchObject({ id: 'a' })
    await postgres.drop(prefix)
  })

  it('refuses a schema of an older version to a user who may not change it, and one with a right missing', async () => {
    await track(createPostgresStore(pool)).check()
    await postgres.query('CREATE ROLE clerk LOGIN')
    const asClerk = () => openStore(postgres.url.replace('perennial@', 'clerk@'), { clock: () => 1 })
    await postgres.query('GRANT USAGE ON SCHEMA perennial TO clerk')
    await postgres.query('GRANT SELECT ON ALL TABLES IN SCHEMA perennial TO clerk')
    await expect(asClerk()).rejects.toThrow(
      /^The user of the Postgres store lacks a right .*GRANT SELECT, INSERT/,
    )
    await postgres.query('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA perennial TO clerk')
    const { sessions, check } = claimForTest(track(await asClerk()))
    await check()
    expect(await storeSession(sessions, begin('a', 1), 1)).toBe('created')
    // One of another program does not count.
    await postgres.query('CREATE TABLE perennial.notes (text text)')
    await (await asClerk()).close()
    for (const right of ['SELECT', 'INSERT', 'UPDATE', 'DELETE']) {
      await postgres.query(`REVOKE ${right} ON perennial.ended_sessions FROM clerk`)
      await expect(asClerk()).rejects.toThrow(/lacks a right on a table of the schema perennial/)
      await postgres.query(`GRANT ${right} ON perennial.ended_sessions TO clerk`)
    }
    await postgres.query('REVOKE EXECUTE ON FUNCTION perennial.replace_sessions_1 FROM PUBLIC')
    await expect(asClerk()).rejects.toThrow(/lacks a right .*, or on a function: .*GRANT EXECUTE/)
    await postgres.query('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA perennial TO clerk')
    await (await asClerk()).close()
    await downgrade(2)
    await expect(asClerk()).rejects.toThrow(/older version of Perennial, and this user may not change it/)
    await track(createPostgresStore(pool)).check()
    await expect(asClerk()).rejects.toThrow(/lacks a right/)
    await postgres.query('DROP OWNED BY clerk; DROP ROLE clerk')
  })

  it('checks the rights on each of its tables', async () => {
    await track(createPostgresStore(pool)).check()
    const tables = await postgres.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'perennial'`)
    for (const { tablename } of tables) expect(migration('"perennial"')).toContain(`'${String(tablename)}'`)
  })

  it('sends single statements that need no session of their own', async () => {
    const time = createFakeTime()
    const statements: string[] = []
    const store = track(createPostgresStore(recording(statements), time))
    const { sessions, signingKeys, webhookLog, usedProofs, close } = claimForTest(store)
    await usedProofs?.use('p', 150)
    const stop = sessions.watchEnded(() => {})
    await storeSession(sessions, begin('a', time.now), time.now)
    await endAllOf(sessions, { memberId, reason: 'reuse', at: time.now, refuseSignInsIssuedUntil: 5 })
    await sessions.restoreEnded([{ id: 'b', endedAt: time.now }])
    await sessions.list({ memberId, at: time.now, limit: 5 })
    await signingKeys.list()
    await webhookLog.markDone('msg', time.now + 5)
    await store.limiters?.({ name: 'ip', quota: 1, windowSeconds: 60 }).count('203.0.113.7')
    await time.pass(60)
    await expect.poll(() => statements.some((text) => text.includes('DELETE'))).toBe(true)
    stop()
    await close()
    for (const text of statements) {
      expect(text).not.toMatch(/^\s*(BEGIN|START|COMMIT|LISTEN|NOTIFY|SET|PREPARE|DECLARE|LOCK)\b/i)
      expect(text).not.toMatch(
        /\b(now\(\)|current_timestamp|clock_timestamp|pg_advisory|pg_notify|set_config)/i,
      )
      if (!text.startsWith('DO ')) expect(text).not.toContain(';')
    }
  })

  it('sends two statements for a refresh: a read, and a compare-and-set', async () => {
    const time = createFakeTime()
    const statements: string[] = []
    const { sessions } = claimForTest(track(createPostgresStore(recording(statements), time)))
    await storeSession(sessions, begin('a', time.now), time.now)
    statements.length = 0
    const read = await sessions.read('a')
    if (read === null) throw new TypeError('it was created')
    const { applied } = await sessions.advance(read, { toGeneration: 2, at: time.now, sealedMember: 'new' })
    expect(applied).toBe(true)
    const functions = statements.map((text) => /^SELECT \S+ FROM "perennial"\.(\w+)_1\(/.exec(text)?.[1])
    expect(functions).toEqual(['read_sessions', 'replace_sessions'])
  })

  it('removes what is over in small steps, and nothing else', async () => {
    const time = createFakeTime()
    const statements: string[] = []
    const store = track(createPostgresStore(recording(statements), time))
    const { sessions } = claimForTest(store)
    const many = Array.from({ length: 450 }, (_, index) => `s${index}`)
    await Promise.all(many.map((id) => storeSession(sessions, begin(id, time.now, time.now + 100), time.now)))
    await storeSession(sessions, begin('stays', time.now, time.now + 10_000), time.now)
    await time.pass(200)
    const left = () => postgres.query('SELECT id FROM perennial.sessions')
    await expect.poll(left).toEqual([{ id: 'stays' }])
    const steps = statements.filter((text) => /DELETE FROM "perennial".sessions[^]*expires_at/.test(text))
    expect(steps.length).toBeGreaterThanOrEqual(3)
  })

  it('keeps two deployments in one database apart by their schemas', async () => {
    const one = track(createPostgresStore(pool, { prefix: 'shop-a' }))
    const two = track(createPostgresStore(pool, { prefix: 'shop_b' }))
    await claimForTest(one).webhookLog.markDone('msg', 9e9)
    expect(await one.webhookLog.isDone('msg')).toBe(true)
    expect(await two.webhookLog.isDone('msg')).toBe(false)
    expect(one.name).not.toBe(two.name)
    for (const schema of ['shop-a', 'shop_b']) await postgres.drop(schema)
  })

  it.each(['pg_perennial', 'information_schema', 'Shop', 'a"b', ''])(
    'refuses the prefix %s',
    async (prefix) => {
      expect(() => createPostgresStore(pool, { prefix })).toThrow(TypeError)
      await expect(openStore(postgres.url, { clock: () => 1, prefix })).rejects.toThrow(TypeError)
    },
  )

  it('refuses a schema with tables of another program, and leaves them alone', async () => {
    await postgres.query('CREATE SCHEMA perennial CREATE TABLE sessions (token text)')
    const opened = openStore(postgres.url, { clock: () => 1 })
    await expect(opened).rejects.toThrow(
      /^The schema perennial of the Postgres store has tables of another program/,
    )
    const tables = await postgres.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'perennial'`)
    expect(tables).toEqual([{ tablename: 'sessions' }])
  })

  it('refuses a schema that a newer version made', async () => {
    await track(createPostgresStore(pool)).check()
    await postgres.query('UPDATE perennial.store_version SET version = 99')
    await expect(openStore(postgres.url, { clock: () => 1 })).rejects.toThrow(/newer version of Perennial/)
  })

  it('uses a schema that the administrator has made for a user without further rights', async () => {
    await postgres.query('CREATE ROLE app LOGIN')
    await postgres.query('CREATE SCHEMA perennial AUTHORIZATION app')
    const store = track(await openStore(postgres.url.replace('perennial@', 'app@'), { clock: () => 1 }))
    await store.check()
    await postgres.query('CREATE ROLE other LOGIN')
    const refused = openStore(postgres.url.replace('perennial@', 'other@'), { clock: () => 1 })
    await expect(refused).rejects.toThrow(/may not create or use the schema perennial \(42501\)/)
  })

  it('refuses to start on a database that does not exist', async () => {
    const opened = openStore(postgres.url.replace(/postgres$/, 'nowhere'), { clock: () => 1 })
    await expect(opened).rejects.toThrow(/^The database of the Postgres store does not exist \(3D000\)/)
  })

  const codes = [
    'ECONNREFUSED',
    '28P01',
    '25006',
    '57014',
    '57P01',
    '53300',
    '08P01',
    'XX000',
    '40001',
    '22P02',
  ]
  it.each(codes)('answers AUTH_UNAVAILABLE when a statement fails with %s', async (code) => {
    let isAway = false
    const error = Object.assign(new Error('detail: secret-value'), { code, detail: 'secret-value' })
    const store = track(createPostgresStore(recording([], () => (isAway ? error : null))))
    await store.check()
    isAway = true
    const failed: unknown = await store.sessions.read('x').catch((thrown: unknown) => thrown)
    if (!(failed instanceof AuthError)) throw new TypeError('it was answered')
    expect(failed).toMatchObject({ code: 'AUTH_UNAVAILABLE', retryable: true })
    const { cause } = failed
    expect(String(cause)).toContain(code)
    expect(JSON.stringify(cause) + String(cause)).not.toContain('secret-value')
  })

  it.each(['40001', '40P01'])('repeats a statement that PostgreSQL has undone (%s)', async (code) => {
    let failures = 0
    const error = Object.assign(new Error('undone'), { code })
    const failing = (text: string) => (text.includes('webhook_messages') && failures++ < 3 ? error : null)
    const store = track(createPostgresStore(recording([], failing)))
    await store.webhookLog.markDone('msg', 9e9)
    expect(await store.webhookLog.isDone('msg')).toBe(true)
  })

  it('answers AUTH_UNAVAILABLE on a replica, which only reads', async () => {
    await track(createPostgresStore(pool)).check()
    const reading = new Pool({
      connectionString: `${postgres.url}?options=-c%20default_transaction_read_only%3Don`,
    })
    const store = track(createPostgresStore(reading))
    await expect(store.check()).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    expect(await store.sessions.read('x')).toBeNull()
    await reading.end()
  })

  it('opens while nothing listens, or nothing answers, and works once Postgres is there', async () => {
    const closed = await openStore(`postgres://u@127.0.0.1:${await freePort()}/x`, { clock: () => 1 })
    await expect(track(closed).check()).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })

    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const address = silent.address()
    const port = address !== null && typeof address === 'object' ? address.port : 0
    const mute = track(await openStore(`postgres://u@127.0.0.1:${port}/x`, { clock: () => 1 }))
    await expect(mute.check()).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    silent.close()

    await postgres.kill()
    const store = track(await openStore(postgres.url, { clock: () => 1 }))
    await expect(store.check()).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    await postgres.start()
    await expect
      .poll(() =>
        store.check().then(
          () => 'well',
          () => 'away',
        ),
      )
      .toBe('well')
  })
})
