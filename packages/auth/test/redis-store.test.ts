import { afterAll, describe, it } from 'vitest'
import { openRedisStore } from '../src/stores/redis/redis-store.js'
import { describeStore } from '../src/stores/store.contract.js'
import { hasRedis, startRedis, startRedisCluster } from './redis-server.js'

const isThere = hasRedis()

describe.runIf(isThere)('on a real Redis', async () => {
  // The body of a skipped suite runs too.
  if (!isThere) {
    it('needs redis-server', () => {})
    return
  }
  const single = await startRedis()
  afterAll(() => single.remove())
  describeStore('redis', async (world) => {
    await single.admin.flushall()
    return openRedisStore(single.url, world)
  })

  const cluster = await startRedisCluster()
  afterAll(() => cluster.remove())
  describeStore('redis cluster', async (world) => {
    await cluster.admin.flushall()
    return openRedisStore(`${cluster.url}?cluster`, world)
  })
})
