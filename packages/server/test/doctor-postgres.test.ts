import { createServer } from 'node:net'
import { once } from 'node:events'
import { parseStoreAddress } from '@perennial/auth'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasPgBouncer, startPgBouncer } from '../../auth/test/kit/pgbouncer.js'
import {
  hasPostgres,
  postgresStartMs,
  startPostgres,
  type PostgresServer,
} from '../../auth/test/kit/postgres.js'
import { freePort } from '../../auth/test/kit/redis.js'
import { checkPostgres } from '../src/doctor/check-postgres.js'

describe.runIf(hasPostgres())('checkPostgres', () => {
  let postgres: PostgresServer
  beforeAll(async () => {
    postgres = await startPostgres('durable')
  }, postgresStartMs)
  afterAll(() => postgres.remove())
  beforeEach(() => postgres.drop())

  const linesOf = async (url = postgres.url) => {
    const address = parseStoreAddress(url)
    if (address.kind !== 'postgres') throw new Error('not a Postgres address')
    const expected = { appId: 'app_test', secret: undefined, prefix: undefined }
    return (await checkPostgres(address, expected)).map(({ level, message }) => `${level}: ${message}`)
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

  it.runIf(hasPgBouncer())('reports a pooler', async () => {
    const pooler = await startPgBouncer(postgres, 'transaction')
    try {
      expect((await linesOf(pooler.url))[0]).toMatch(/^ok: .*through a pooler/)
    } finally {
      await pooler.remove()
    }
  })
})
