import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../src/base/time.js'
import { openStore, type Store } from '../src/stores/index.js'
import { toPair } from './kit/instances.js'
import { hasPostgres, postgresStartMs, startPostgres, type PostgresServer } from './kit/postgres.js'
import { describeSharedQuota } from './shared-quota.contract.js'
import { describeThreeInstances, type SharingWorld } from './three-instances.contract.js'

const startServer = async () => {
  const postgres = await startPostgres()
  return {
    url: postgres.url,
    query: (text: string) => postgres.query(text),
    empty: () => postgres.drop(),
    remove: () => postgres.remove(),
    generations: async () =>
      (await postgres.query('SELECT generation FROM perennial.sessions')).map(({ generation }) =>
        Number(generation),
      ),
  }
}

describeThreeInstances('Postgres', {
  isInstalled: hasPostgres(),
  startServer,
  startMs: postgresStartMs,
  revokedWithinMs: 2_000,
  more: describePostgres,
})

function describePostgres({ server, start }: SharingWorld<Awaited<ReturnType<typeof startServer>>>): void {
  it('write a refresh into the page of the session, and change no index', async () => {
    const [one] = await start()
    const first = toPair((await one.refresh((await one.signIn()).refreshToken)).body)
    const written = async () => {
      const [row] = await server().query(
        `SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = 'sessions'`,
      )
      return row
    }
    expect((await one.refresh(first.refreshToken)).status).toBe(200)
    // The rotations of two refreshes. The statistics of a connection arrive when it has been idle for a moment.
    await expect.poll(written).toMatchObject({ updates: 2, hot: 2 })
  })
}

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
