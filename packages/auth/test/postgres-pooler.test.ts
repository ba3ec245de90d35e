import { afterAll, describe, it } from 'vitest'
import { openStore } from '../src/stores/index.js'
import { describeStore } from '../src/stores/store.contract.js'
import { hasPgBouncer, startPgBouncer } from './kit/pgbouncer.js'
import { hasPostgres, startPostgres } from './kit/postgres.js'

const isThere = hasPostgres() && hasPgBouncer()

describe.runIf(isThere)('through a real PgBouncer', async () => {
  // The body of a skipped suite runs too.
  if (!isThere) {
    it('needs postgresql and pgbouncer', () => {})
    return
  }
  const server = await startPostgres()
  const pooler = await startPgBouncer(server, 'transaction')
  afterAll(async () => {
    await pooler.remove()
    await server.remove()
  })

  describeStore('postgres in transaction mode', async (world) => {
    await server.drop()
    return openStore(pooler.url, world)
  })
})
