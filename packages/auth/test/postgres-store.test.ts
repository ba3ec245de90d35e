import { afterAll, describe, it } from 'vitest'
import { describeSharedAnswers } from '../src/refresh/shared-answers.contract.js'
import { openStore } from '../src/stores/index.js'
import { describeStore } from '../src/stores/store.contract.js'
import { hasPostgres, startPostgres } from './kit/postgres.js'

const isThere = hasPostgres()

describe.runIf(isThere)('on a real PostgreSQL', async () => {
  // The body of a skipped suite runs too.
  if (!isThere) {
    it('needs postgresql', () => {})
    return
  }
  const server = await startPostgres()
  afterAll(() => server.remove())

  describeStore('postgres', async (world) => {
    await server.drop()
    return openStore(server.url, world)
  })

  describeSharedAnswers('postgres', async () => {
    let now = 1_700_000_000
    const store = await openStore(server.url, { clock: () => now })
    if (!store.sharedAnswers) throw new Error('a Postgres store shares answers')
    const pass = async (seconds: number) => void (now += seconds)
    return { answers: store.sharedAnswers, pass, close: () => store.close() }
  })
})
