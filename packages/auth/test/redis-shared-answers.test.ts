import { afterAll, describe, it } from 'vitest'
import { describeSharedAnswers } from '../src/refresh/shared-answers.contract.js'
import { parseRedisAddress } from '../src/stores/redis/redis-address.js'
import { openRedisConnection } from '../src/stores/redis/redis-connection.js'
import { createRedisSharedAnswers } from '../src/stores/redis/redis-shared-answers.js'
import { hasRedis, startRedis } from './redis-server.js'

const isThere = hasRedis()

describe.runIf(isThere)('on a real Redis', async () => {
  // The body of a skipped suite runs too.
  if (!isThere) {
    it('needs redis-server', () => {})
    return
  }
  const server = await startRedis()
  afterAll(() => server.remove())

  /** Every key has that much less to live. */
  const pass = async (seconds: number) => {
    for (const key of await server.admin.keys('*')) {
      const left = await server.admin.pttl(key)
      await server.admin.pexpire(key, left - seconds * 1000)
    }
  }
  describeSharedAnswers('redis', async () => {
    const connection = await openRedisConnection(parseRedisAddress(server.url))
    return { answers: createRedisSharedAnswers(connection), pass, close: () => connection.close() }
  })
})
