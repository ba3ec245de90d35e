import { createServer } from 'node:net'
import { once } from 'node:events'
import { parseStoreAddress, systemClock } from '@perennial/auth'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasPgBouncer, startPgBouncer, type Pooler } from '../../auth/test/kit/pgbouncer.js'
import { startReplica } from '../../auth/test/kit/postgres-replica.js'
import {
  hasPostgres,
  postgresStartMs,
  startPostgres,
  type PostgresServer,
} from '../../auth/test/kit/postgres.js'
import { freePort } from '../../auth/test/kit/redis.js'
import { checkPostgres } from '../src/doctor/check-postgres.js'

type PoolerOptions = Parameters<typeof startPgBouncer> extends [unknown, ...infer Rest] ? Rest : never

describe.runIf(hasPostgres())('checkPostgres', () => {
  let postgres: PostgresServer
  beforeAll(async () => {
    postgres = await startPostgres('durable')
  }, postgresStartMs)
  afterAll(() => postgres.remove())
  beforeEach(() => postgres.drop())

  const as = (user: string) => postgres.url.replace('perennial@', `${user}@`)
  const linesOf = async (url = postgres.url, clock = systemClock) => {
    const address = parseStoreAddress(url)
    if (address.kind !== 'postgres') throw new Error('not a Postgres address')
    const expected = { appId: 'app_test', secret: undefined, prefix: undefined }
    return (await checkPostgres(address, expected, clock)).map(({ level, message }) => `${level}: ${message}`)
  }

  it('finds nothing wrong with one that loses nothing', async () => {
    expect(await linesOf()).toEqual([
      expect.stringMatching(/^ok: PostgreSQL \d+.* answers and takes writes\.$/),
      'ok: fsync on, synchronous_commit on: a power cut loses nothing.',
      'ok: Its clock agrees with that of this machine.',
      'ok: The connection stays on this machine.',
    ])
  })

  it('reports settings that lose sessions', async () => {
    await postgres.query(`ALTER SYSTEM SET application_name = 'x'`)
    await postgres.query('ALTER ROLE perennial SET synchronous_commit = off')
    expect(await linesOf()).toContainEqual(expect.stringMatching(/^warning: synchronous_commit is off/))
    await postgres.query('ALTER ROLE perennial RESET synchronous_commit')
  })

  it('reports the store of another app', async () => {
    await linesOf()
    await postgres.query(`INSERT INTO perennial.store_owner VALUES (1, 'app_other')`)
    expect(await linesOf()).toEqual([
      expect.stringMatching(/^error: The store .* was made for the app app_other/),
    ])
  })

  it('reports a user without rights, a database that is missing, and a replica', async () => {
    await postgres.query('CREATE ROLE weak LOGIN')
    expect(await linesOf(postgres.url.replace('perennial@', 'weak@'))).toEqual([
      expect.stringMatching(/^error: .*may not create or use the schema perennial \(42501\)/),
    ])
    expect(await linesOf(postgres.url.replace(/postgres$/, 'nowhere'))).toEqual([
      expect.stringMatching(/^error: The database of STORE_URL does not exist/),
    ])
    await postgres.query('ALTER ROLE perennial SET default_transaction_read_only = on')
    expect(await linesOf()).toEqual([expect.stringMatching(/^error: STORE_URL names a replica/)])
    await postgres.query(
      'SET default_transaction_read_only = off; ALTER ROLE perennial RESET default_transaction_read_only',
    )
  })

  it('reports a server that is away, and one that is no PostgreSQL', async () => {
    expect(await linesOf(`postgres://u:hunter2@127.0.0.1:${await freePort()}/x`)).toEqual([
      expect.stringMatching(/^error: 127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)/),
    ])
    const other = createServer((socket) => {
      socket.on('error', () => {})
      socket.end('hello\n')
    }).listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    const port = address !== null && typeof address === 'object' ? address.port : 0
    const lines = await linesOf(`postgres://u:hunter2@127.0.0.1:${port}/x`)
    expect(lines).toEqual([expect.stringMatching(/takes connections but does not answer as PostgreSQL/)])
    expect(lines.join()).not.toContain('hunter2')
    other.close()
  })

  it('reports a clock that differs', async () => {
    expect(await linesOf(postgres.url, () => systemClock() + 30)).toContainEqual(
      expect.stringMatching(/^warning: Its clock is 30 s behind that of this machine/),
    )
  })

  it('reports a missing right, and an older schema that the user may not change', async () => {
    await linesOf()
    await postgres.query('CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA perennial TO clerk')
    await postgres.query('GRANT SELECT ON ALL TABLES IN SCHEMA perennial TO clerk')
    expect(await linesOf(as('clerk'))).toEqual([
      expect.stringMatching(/^error: .* lacks a right .*GRANT SELECT/),
    ])
    await postgres.query('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA perennial TO clerk')
    expect((await linesOf(as('clerk')))[0]).toMatch(/^ok: /)
    await postgres.query('UPDATE perennial.store_version SET version = 2')
    expect(await linesOf(as('clerk'))).toEqual([
      expect.stringMatching(/^error: .*older version of Perennial, and this user may not change it/),
    ])
    await postgres.query('DROP OWNED BY clerk; DROP ROLE clerk')
  })

  it('reports a limit of connections that an instance would reach, and one that is reached', async () => {
    await postgres.query('CREATE ROLE few LOGIN CONNECTION LIMIT 4; GRANT CREATE ON DATABASE postgres TO few')
    expect(await linesOf(as('few'))).toContainEqual(
      expect.stringMatching(
        /^warning: PostgreSQL has 3 connections left for this user, and an instance uses up to 10/,
      ),
    )
    expect((await linesOf(`${as('few')}?max=2`)).join()).not.toContain('connections left')
    await postgres.query('ALTER ROLE few CONNECTION LIMIT 0')
    expect(await linesOf(as('few'))).toEqual([
      expect.stringMatching(/^error: .*no connection left \(53300\)/),
    ])
    await postgres.query('DROP OWNED BY few; DROP ROLE few')
  })

  it('reports a password that is wrong or not given, and a user that pg_hba.conf does not let in', async () => {
    await postgres.query(`CREATE ROLE app LOGIN PASSWORD 'sesame'; GRANT CREATE ON DATABASE postgres TO app`)
    await postgres.authenticate('host all app 127.0.0.1/32 scram-sha-256')
    expect((await linesOf(as('app:sesame')))[0]).toMatch(/^ok: /)
    const refused: [string, RegExp][] = [
      [as('app:hunter2'), /^error: PostgreSQL refuses the password .*28P01/],
      [as('app'), /^error: PostgreSQL asks for a password, and STORE_URL has none/],
      [as('other:hunter2'), /^error: PostgreSQL refuses the user .*28000/],
    ]
    for (const [url, line] of refused) {
      const lines = await linesOf(url)
      expect(lines).toEqual([expect.stringMatching(line)])
      expect(lines.join()).not.toContain('hunter2')
    }
    await postgres.query('DROP OWNED BY app; DROP ROLE app')
  })

  it('reports a server without TLS where the address asks for it', async () => {
    expect(await linesOf(`${postgres.url}?sslmode=require`)).toEqual([
      expect.stringMatching(/^error: PostgreSQL offers no TLS/),
    ])
  })

  it('reports a replica that streams from its primary', async () => {
    const replica = await startReplica(postgres)
    try {
      expect(await linesOf(replica.url)).toEqual([expect.stringMatching(/^error: STORE_URL names a replica/)])
    } finally {
      await replica.remove()
    }
  })

  describe.runIf(hasPgBouncer())('behind a PgBouncer', () => {
    const behind = async (use: (pooler: Pooler) => Promise<void>, ...options: PoolerOptions) => {
      const pooler = await startPgBouncer(postgres, ...options)
      try {
        await use(pooler)
      } finally {
        await pooler.remove()
      }
    }

    it.each(['transaction', 'statement'] as const)('reports %s mode', async (mode) => {
      const line = /^ok: The connection goes through a pooler in transaction or statement mode/
      await behind(
        async ({ url }) => expect(await linesOf(url)).toContainEqual(expect.stringMatching(line)),
        mode,
      )
    })

    it.each([1, 5])('warns about session mode, with %i connections to the server', async (poolSize) => {
      const line = /^warning: .*pooler in session mode: each instance keeps up to 10/
      await behind(
        async ({ url }) => expect(await linesOf(url)).toContainEqual(expect.stringMatching(line)),
        'session',
        { poolSize },
      )
    })

    it('reports a database that the pooler does not know, and one that accepts nobody else', async () => {
      const refused = [expect.stringMatching(/^error: The pooler refuses the connection \(08P01\)/)]
      await behind(
        async ({ url }) => expect(await linesOf(url.replace(/postgres$/, 'other'))).toEqual(refused),
        'transaction',
      )
      await behind(async ({ url }) => expect(await linesOf(url)).toEqual(refused), 'transaction', {
        clients: 0,
      })
    })
  })
})
