import { readFileSync } from 'node:fs'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../auth/test/kit/redis.js'
import {
  hasPostgres,
  postgresStartMs,
  startPostgres,
  type PostgresServer,
} from '../../auth/test/kit/postgres.js'
import {
  hasOpenssl,
  makeCertificates,
  postgresTlsSettings,
  type Certificates,
} from '../../auth/test/kit/tls-certificates.js'
import { call, exchange, pairOf, refresh } from './kit/auth-calls.js'
import { makeFolder, startProcess, type ServiceProcess } from './kit/service-process.js'
import { newSecret, settingsFor } from './kit/session-world.js'

describe.runIf(hasPostgres() && hasOpenssl())('the start of the service on PostgreSQL', () => {
  let postgres: PostgresServer
  let emulator: Emulator
  let folder: ReturnType<typeof makeFolder>
  let certificates: Certificates
  let service: ServiceProcess | undefined
  const secret = newSecret()

  beforeAll(async () => {
    folder = makeFolder()
    certificates = makeCertificates(folder.path, ['DNS:localhost'])
    emulator = await startEmulator()
    postgres = await startPostgres('quick', [...postgresTlsSettings(certificates), 'max_connections=20'])
    await postgres.query(`CREATE ROLE app LOGIN PASSWORD 'sesame'; GRANT CREATE ON DATABASE postgres TO app`)
    await postgres.query('CREATE ROLE weak LOGIN')
    await postgres.authenticate(
      'hostssl all app 127.0.0.1/32 scram-sha-256',
      'host all weak 127.0.0.1/32 trust',
    )
  }, postgresStartMs)
  afterEach(async () => {
    service?.child.kill('SIGKILL')
    await service?.ended()
    await postgres.drop()
  })
  afterAll(async () => {
    await emulator.close()
    await postgres.remove()
    folder.remove()
  })

  const start = (STORE_URL: string, env: Readonly<Record<string, string>> = {}) => {
    const settings = { ...settingsFor(emulator, ''), LOG_LEVEL: 'info', PERENNIAL_SECRET: secret }
    service = startProcess(folder.path, { ...settings, STORE_URL, ...env })
    return service
  }
  /** Starts it with an address that only the operator can correct: it ends, and says so in one line without the password. */
  const refusalOf = async (url: string) => {
    const started = start(url)
    expect(await started.ended()).toBe(1)
    const lines = started.output().trim().split('\n')
    expect(lines).toHaveLength(1)
    expect(lines.join()).not.toContain('hunter2')
    return lines.join()
  }
  const at = (user: string, rest = '/postgres', host = '127.0.0.1') =>
    `postgres://${user}@${host}:${postgres.port}${rest}`

  it.each([
    [
      'a wrong password',
      () => at('app:hunter2', '/postgres?sslmode=no-verify'),
      /refuses the connection \(28P01\)/,
    ],
    [
      'no password',
      () => at('app', '/postgres?sslmode=no-verify'),
      /asks for a password, and its address has none/,
    ],
    ['no TLS, where it is required', () => at('app:hunter2'), /refuses the connection \(28000\)/],
    [
      'a user who may not create the schema',
      () => at('weak'),
      /may not create or use the schema perennial \(42501\)/,
    ],
    ['a database that does not exist', () => at('weak', '/nowhere'), /does not exist \(3D000\)/],
    [
      'a certificate that is not trusted',
      () => at('app:hunter2', '/postgres?sslmode=require', 'localhost'),
      /is not trusted .*NODE_EXTRA_CA_CERTS=/,
    ],
    [
      'an sslmode of libpq that pg has not',
      () => at('weak', '/postgres?sslmode=prefer'),
      /STORE_URL has an sslmode that is not one of/,
    ],
    ['several hosts', () => `postgres://app:hunter2@one,two/postgres`, /STORE_URL names several hosts/],
    [
      'a parameter of another client',
      () => at('app:hunter2', '/postgres?ssl=true'),
      /unknown parameter \(ssl\): use sslmode=require/,
    ],
  ])('ends with one line for %s', async (_, url, line) => {
    expect(await refusalOf(url())).toMatch(line)
  })

  it('serves with a certificate of its own authority, and refuses it under another name', async () => {
    const NODE_EXTRA_CA_CERTS = certificates.caFile
    const trusted = at('app:sesame', '/postgres?sslmode=verify-full', 'localhost')
    const [, url = ''] = await start(trusted, { NODE_EXTRA_CA_CERTS }).waitFor(
      /Perennial listens on (http:\S+)/,
    )
    const pair = pairOf(await exchange(url, (await emulator.issueTokens()).accessToken))
    expect((await refresh(url, pair.refreshToken)).status).toBe(200)
    expect(
      await postgres.query(
        `SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'app'`,
      ),
    ).toEqual([{ ssl: true }])
    service?.child.kill('SIGKILL')
    await service?.ended()
    const elsewhere = start(at('app:sesame', '/postgres?sslmode=verify-full'), { NODE_EXTRA_CA_CERTS })
    expect(await elsewhere.ended()).toBe(1)
    expect(elsewhere.output()).toMatch(/certificate of the Postgres store is for another name/)
  })

  it('runs with the address of compose.postgres.yaml', async () => {
    const text = readFileSync(new URL('../../../compose.postgres.yaml', import.meta.url), 'utf8')
    const [, address = ''] = /STORE_URL: '([^']+)'/.exec(text) ?? []
    const filled = address.replace(/\$\{POSTGRES_PASSWORD[^}]*\}/, 'sesame')
    expect(filled).toBe('postgres://perennial:sesame@postgres:5432/perennial')
    await postgres.query('CREATE DATABASE perennial')
    const here = filled.replace('@postgres:5432/', `@127.0.0.1:${postgres.port}/`)
    const [, url = ''] = await start(here).waitFor(/Perennial listens on (http:\S+)/)
    expect((await call(url, '/readyz')).status).toBe(200)
  })

  it('waits for a server that has no connection left, or is not there yet, and says why', async () => {
    await postgres.query('CREATE SCHEMA perennial AUTHORIZATION weak; ALTER ROLE weak CONNECTION LIMIT 0')
    const [, url = ''] = await start(at('weak')).waitFor(/Perennial listens on (http:\S+)/)
    expect((await call(url, '/readyz')).status).toBe(503)
    await service?.waitFor(/it has no connection left \(SQLSTATE 53300\)/)
    await postgres.query('ALTER ROLE weak CONNECTION LIMIT -1')
    await expect.poll(async () => (await call(url, '/readyz')).status, { timeout: 30_000 }).toBe(200)
    service?.child.kill('SIGKILL')
    await service?.ended()
    await start(`postgres://app@127.0.0.1:${await freePort()}/postgres`).waitFor(
      /nothing listens at this address \(ECONNREFUSED\)/,
    )
  })
})
