import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createSecrets } from '../src/base/secrets.js'
import { systemClock } from '../src/base/time.js'
import { parseRefreshToken } from '../src/sessions/index.js'
import { openStore, type Store } from '../src/stores/index.js'
import {
  closeAll,
  eventually,
  sharedSecret,
  startThree,
  toPair,
  type SharingInstance,
} from './kit/instances.js'
import { describeSharedQuota } from './shared-quota.contract.js'
import { hasPostgres, postgresStartMs, startPostgres, type PostgresServer } from './kit/postgres.js'

const secrets = createSecrets([Buffer.from(sharedSecret, 'base64')], {
  appId: 'app_emulator',
  randomBytes: (length) => new Uint8Array(length),
})

describe.runIf(hasPostgres())('three instances on one Postgres', () => {
  let postgres: PostgresServer
  let emulator: Emulator
  let instances: readonly SharingInstance[] = []

  beforeAll(async () => {
    postgres = await startPostgres()
    emulator = await startEmulator()
  }, postgresStartMs)
  afterAll(async () => {
    await emulator.close()
    await postgres.remove()
  })
  beforeEach(async () => {
    await postgres.drop()
    emulator.reset()
  })
  afterEach(async () => {
    await closeAll(instances)
    instances = []
  })

  const start = async (options: Parameters<typeof startThree>[2] = {}) => {
    const started = await startThree(emulator, postgres.url, options)
    instances = started
    return started
  }
  const refreshTogether = (refreshToken: string) =>
    Promise.all(Array.from({ length: 100 }, () => instances.map((one) => one.refresh(refreshToken))).flat())

  it('make one rotation of 300 refreshes of one token at once, and all callers get one refresh token', async () => {
    const [one] = await start()
    const { refreshToken } = await one.signIn()
    const answers = await refreshTogether(refreshToken)

    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]))
    const successors = new Set(answers.map((answer) => String(answer.body['refreshToken'])))
    expect(successors.size).toBe(1)
    const [successor = ''] = successors
    expect(parseRefreshToken(secrets, successor)).toMatchObject({ generation: 2 })
    expect(await postgres.query('SELECT generation FROM perennial.sessions')).toEqual([{ generation: '2' }])
  })

  it('make one upstream call of 300 refreshes of one token at once', async () => {
    await start({ mode: 'forward' })
    const { refreshToken } = await emulator.issueTokens()
    const answers = await refreshTogether(refreshToken)

    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]))
    expect(new Set(answers.map((answer) => answer.body['refreshToken'])).size).toBe(1)
    expect(emulator.calls()['POST /auth/refresh-token']).toBe(1)
  })

  it('all know within two seconds that a session ended at one of them', async () => {
    const [one, two, three] = await start()
    const { accessToken } = await one.signIn()
    expect((await two.me(accessToken)).status).toBe(200)
    expect((await three.me(accessToken)).status).toBe(200)

    expect((await one.signOutEverywhere(accessToken)).status).toBe(204)
    const since = performance.now()
    for (const other of [two, three])
      await eventually(async () => (await other.me(accessToken)).status === 401)
    expect(performance.now() - since).toBeLessThan(2_000)
    expect((await two.me(accessToken)).body).toMatchObject({ code: 'AUTH_TOKEN_REVOKED' })
  })

  it('count the requests of one address together', async () => {
    const [one, two, three] = await start({ rateLimits: { ipPerMinute: 6 } })
    for (const instance of [one, two, three, one, two, three]) {
      expect((await instance.refresh('garbage')).status).toBe(401)
    }
    for (const instance of [one, two, three]) expect((await instance.refresh('garbage')).status).toBe(429)
  })

  it('write a refresh into the page of the session, and change no index', async () => {
    const [one] = await start()
    const first = toPair((await one.refresh((await one.signIn()).refreshToken)).body)
    const written = async () => {
      const [row] = await postgres.query(
        `SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = 'sessions'`,
      )
      return row
    }
    expect((await one.refresh(first.refreshToken)).status).toBe(200)
    // The rotations of two refreshes. The statistics of a connection arrive when it has been idle for a moment.
    await expect.poll(written).toMatchObject({ updates: 2, hot: 2 })
  })
})

describe.runIf(hasPostgres())('two instances on one Postgres', () => {
  let postgres: PostgresServer
  let stores: readonly Store[] = []
  beforeAll(async () => {
    postgres = await startPostgres()
  }, postgresStartMs)
  afterAll(() => postgres.remove())
  beforeEach(async () => {
    await postgres.drop()
    stores = await Promise.all([1, 2].map(() => openStore(postgres.url, { clock: systemClock })))
  })
  afterEach(async () => {
    for (const store of stores) await store.close()
  })
  describeSharedQuota('on Postgres', {
    stores: () => {
      const [one, two] = stores
      if (!one || !two) throw new Error('no stores')
      return [one, two]
    },
  })
})
