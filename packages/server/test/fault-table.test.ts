import { readFileSync } from 'node:fs'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hasPostgres, startPostgres, type PostgresServer } from '../../auth/test/kit/postgres.js'
import { hasRedis, startRedis, type RedisServer } from '../../auth/test/kit/redis.js'
import { call, exchange, me, pairOf, refresh, verdict } from './kit/auth-calls.js'
import { makeFolder, startProcess } from './kit/service-process.js'
import { newSecret, settingsFor } from './kit/session-world.js'

/** A fault of the store under the running service. Callers get 503, the log has its cause once, and nobody is signed out. */
interface StoreFault<Server> {
  readonly name: string
  readonly cause: RegExp
  readonly begin: (server: Server) => Promise<unknown>
  readonly end: (server: Server) => Promise<unknown>
}

const redisFaults: readonly StoreFault<RedisServer>[] = [
  {
    name: 'killed, and started again',
    cause: /^nothing listens at this address \(ECONNREFUSED\)$|^the connection broke off/,
    begin: (redis) => redis.kill(),
    end: (redis) => redis.start(),
  },
  {
    name: 'stopped (SIGSTOP)',
    cause: /^no answer in time$/,
    begin: async (redis) => redis.signal('SIGSTOP'),
    end: async (redis) => redis.signal('SIGCONT'),
  },
  {
    name: 'out of memory (maxmemory, noeviction)',
    cause: /^its memory is full \(OOM\)$/,
    begin: (redis) => redis.admin.config('SET', 'maxmemory', '1'),
    end: (redis) => redis.admin.config('SET', 'maxmemory', '0'),
  },
  {
    name: 'turned into a read-only replica',
    cause: /^it is a replica, which takes no writes \(READONLY\)$/,
    begin: (redis) => redis.admin.call('REPLICAOF', '127.0.0.1', '1'),
    end: (redis) => redis.admin.call('REPLICAOF', 'NO', 'ONE'),
  },
  {
    name: 'given another password',
    cause: /^it requires a password \(NOAUTH\)$|^it refuses the user or password \(WRONGPASS\)$/,
    async begin({ admin }) {
      await admin.config('SET', 'requirepass', 'other')
      await admin.call('AUTH', 'other')
      await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    },
    end: ({ admin }) => admin.config('SET', 'requirepass', ''),
  },
]

const postgresFaults: readonly StoreFault<PostgresServer>[] = [
  {
    name: 'read-only',
    cause: /^it takes no writes \(a replica, or read-only\) \(SQLSTATE 25006\)$/,
    begin: (postgres) => reconfigure(postgres, 'ALTER SYSTEM SET default_transaction_read_only = on'),
    async end(postgres) {
      await postgres.query('SET default_transaction_read_only = off')
      await reconfigure(postgres, 'ALTER SYSTEM RESET default_transaction_read_only')
    },
  },
  {
    name: 'killed, and started again',
    cause:
      /^nothing listens at this address \(ECONNREFUSED\)$|^the connection broke off|^no answer$|^it was shut down/,
    begin: (postgres) => postgres.kill(),
    end: (postgres) => postgres.start(),
  },
]

const otherPostgresFaults: typeof postgresFaults = [
  {
    name: 'stopped (SIGSTOP)',
    cause: /^no answer in time$|^no answer$|^no connection in time/,
    begin: async (postgres) => postgres.signal('SIGSTOP'),
    end: async (postgres) => postgres.signal('SIGCONT'),
  },
  {
    name: 'out of connections',
    cause: /^it has no connection left \(SQLSTATE 53300\)$/,
    begin: (postgres) => cutOff(postgres, 'ALTER ROLE app CONNECTION LIMIT 0'),
    end: (postgres) => postgres.query('ALTER ROLE app CONNECTION LIMIT -1'),
  },
  {
    name: 'without a right that it gave before',
    cause: /^its user lacks a right \(SQLSTATE 42501\)$/,
    begin: (postgres) =>
      postgres.query('ALTER SCHEMA perennial OWNER TO perennial; REVOKE ALL ON SCHEMA perennial FROM app'),
    end: (postgres) => postgres.query('ALTER SCHEMA perennial OWNER TO app'),
  },
]

/** Changes it, and ends the connections of the service. */
async function cutOff(postgres: PostgresServer, statement: string): Promise<void> {
  await postgres.query(statement)
  await postgres.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'`)
}

async function reconfigure(postgres: PostgresServer, statement: string): Promise<void> {
  await postgres.query(statement)
  await postgres.query('SELECT pg_reload_conf()')
}

let emulator: Emulator
let folder: ReturnType<typeof makeFolder>
let ends: (() => Promise<unknown>)[]
beforeEach(async () => {
  emulator = await startEmulator({ adminRequestsPerSecond: 1_000_000 })
  folder = makeFolder()
  ends = []
})
afterEach(async () => {
  for (const end of ends.toReversed()) await end()
  await emulator.close()
  folder.remove()
})

const patience = { timeout: 30_000, interval: 100 }

/** Plays a fault, and checks what callers get, what the log says, and that it recovers by itself. */
async function play<Server extends { readonly url: string }>(server: Server, fault: StoreFault<Server>) {
  const service = startProcess(folder.path, {
    ...settingsFor(emulator, ''),
    STORE_URL: server.url,
    PERENNIAL_SECRET: newSecret(),
    LOG_LEVEL: 'info',
  })
  ends.push(async () => {
    service.child.kill('SIGKILL')
    await service.ended()
  })
  const [, url = ''] = await service.waitFor(/Perennial listens on (http:\S+)/)
  const pair = pairOf(await exchange(url, (await emulator.issueTokens()).accessToken))
  expect((await me(url, pair.accessToken)).status).toBe(200)
  const ready = async () => (await call(url, '/readyz')).status

  await fault.begin(server)
  await expect.poll(ready, patience).toBe(503)
  await expect
    .poll(async () => verdict(await refresh(url, pair.refreshToken)), patience)
    .toEqual([503, 'AUTH_TOKEN_REFRESH_FAILED'])
  expect((await me(url, pair.accessToken)).status).toBe(200)
  expect((await call(url, '/healthz')).status).toBe(200)
  const lines = () =>
    (service.output().match(/^\{.*"msg":"upstream_failure"\}$/gm) ?? [])
      .map((line): Record<string, string> => JSON.parse(line))
      .filter(({ cause }) => cause !== undefined)
  await expect.poll(() => lines().some(({ cause = '' }) => fault.cause.test(cause)), patience).toBe(true)

  await fault.end(server)
  await expect.poll(ready, patience).toBe(200)
  await expect.poll(async () => (await refresh(url, pair.refreshToken)).status, patience).toBe(200)
  await service.waitFor(/"target":"store".*"lastedSeconds":\d+,"failures":\d+,"msg":"upstream_recovered"/)
  const causes = lines().map(({ cause }) => cause)
  expect(new Set(causes).size, 'each cause once').toBe(causes.length)
  expect(service.output()).not.toContain('session_reuse_detected')
}

describe.runIf(hasRedis())('the service on a Redis that is', () => {
  it.each(redisFaults)(
    '$name: 503, the cause in the log once, and back by itself',
    { timeout: 120_000 },
    async (fault) => {
      const redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'always')
      ends.push(() => redis.remove())
      await play(redis, fault)
    },
  )
})

describe.runIf(hasPostgres())('the service on a PostgreSQL that is', () => {
  it.each([...postgresFaults, ...otherPostgresFaults])(
    '$name: 503, the cause in the log once, and back by itself',
    { timeout: 180_000 },
    async (fault) => {
      const postgres = await startPostgres('durable')
      ends.push(() => postgres.remove())
      // Limits and rights do not count for the user of the test.
      await postgres.query('CREATE ROLE app LOGIN; GRANT CREATE ON DATABASE postgres TO app')
      await play({ ...postgres, url: postgres.url.replace('perennial@', 'app@') }, fault)
    },
  )
})

/** The other faults, each with the test that plays it. `file` is below `packages/`. */
const elsewhere: readonly { readonly fault: string; readonly file: string; readonly test: string }[] = [
  [
    'standard output: a full disk',
    'server/test/stuck-output.test.ts',
    'serves, stops and counts the lost lines on a full disk',
  ],
  [
    'standard output: its reader has gone',
    'server/test/stuck-output.test.ts',
    'serves and stops after the reader of a pipe has gone',
  ],
  [
    'Sentry beside ambient request data',
    'server/test/sentry-majors.test.ts',
    'send failures without anything of the request that was under way',
  ],
  [
    'sign out everywhere, and in again',
    'auth/test/sign-out-everywhere.test.ts',
    'lets the member in again at once, ten times',
  ],
  ['a wrong secret', 'server/test/secrets.test.ts', 'without the old secret stops the start'],
  ['a full disk under the store', 'server/test/full-disk.test.ts', 'is 503 at /readyz and for what writes'],
  [
    'a store that another process has locked',
    'server/test/store-outage.test.ts',
    'is 503 and retryable, never 401',
  ],
  [
    'Redis away at the start',
    'server/test/redis-away.test.ts',
    'at the start, and after a kill, is alive, not ready and retryable',
  ],
  ['a paused process', 'server/test/paused.test.ts', 'refuses at once what was revoked meanwhile'],
  [
    'a subscription that died',
    'auth/test/redis-silence.test.ts',
    'refuses what another instance revokes within 2 s',
  ],
  ['HTTP/2 and the cookies of an app', 'auth/test/app-around.test.ts', 'is added, and replaces none'],
  ['a host with IPv6 only', 'auth/test/redis-ipv6.test.ts', 'reaches a host that has only IPv6 addresses'],
  ['NAT64', 'auth/src/limits/address-key.test.ts', 'counts neighbours of those networks by their /64'],
  [
    'a byte order mark',
    'server/src/base/text-file.test.ts',
    'reads UTF-8 with and without a byte order mark',
  ],
  ['a path in /proc', 'auth/src/stores/sqlite/store-path.test.ts', 'is not opened: %s'],
  ['clocks that differ', 'auth/test/clocks-apart.test.ts', 'take no honest member for a thief'],
  [
    'a balancer that waits longer',
    'server/src/app/keep-alive.test.ts',
    'an idle connection stays open for longer than balancers wait',
  ],
  ['Redis restarted empty', 'auth/test/redis-failures.test.ts', 'restarted empty: its sessions are refused'],
  [
    'Redis restarted from an old snapshot',
    'auth/test/redis-failures.test.ts',
    'restarted from an old snapshot',
  ],
  [
    'Redis: connections cut again and again',
    'auth/test/redis-failures.test.ts',
    'connections cut again and again',
  ],
  [
    'Redis: a wrong password at the start',
    'auth/test/redis-failures.test.ts',
    'a wrong password stops the start in one line',
  ],
  ['Redis: slow', 'auth/test/redis-slow.test.ts', 'beyond patience: 503 in bounded time'],
  ['Redis: a crowd before it', 'auth/test/redis-crowd.test.ts', 'queue up to 20,000'],
  [
    'Redis: a certificate that is not trusted',
    'auth/test/redis-tls.test.ts',
    'refuses a certificate that is not trusted',
  ],
  ['Redis: a missing right', 'auth/test/redis-acl.test.ts', 'that loses a right later is named in the log'],
  [
    'Redis: a failover that loses writes',
    'auth/test/redis-sentinel.test.ts',
    'a failover that loses the last writes',
  ],
  ['Redis: a dead node of a Cluster', 'auth/test/redis-cluster.test.ts', 'answer 503 for a node that died'],
  [
    'Redis and instances killed under load',
    'server/test/store-crash.contract.ts',
    'lose no honest session and fork none',
  ],
  [
    'PostgreSQL: errors by their code, a full disk too',
    'auth/test/postgres-trouble.test.ts',
    'answers AUTH_UNAVAILABLE when a statement fails with %s',
  ],
  [
    'PostgreSQL: a failover that loses writes',
    'auth/test/postgres-replica.test.ts',
    'after a failover that lost writes: no honest member is signed out, and no sign-out is undone',
  ],
  [
    'PostgreSQL and instances killed under load',
    'server/test/store-crash.contract.ts',
    'lose no honest session and fork none',
  ],
  [
    'PostgreSQL: an address that only the operator can correct',
    'server/test/postgres-start.test.ts',
    'ends with one line for %s',
  ],
  [
    'Memberstack away for ten minutes',
    'server/test/admin-outage.test.ts',
    'for ten minutes signs nobody out',
  ],
].map(([fault = '', file = '', test = '']) => ({ fault, file, test }))

describe('a fault of another kind is played elsewhere', () => {
  it.each(elsewhere)('$fault: $file', ({ file, test }) => {
    const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
    expect(text).toContain(test)
  })
})
