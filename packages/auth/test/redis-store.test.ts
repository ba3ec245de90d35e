import { afterAll, describe, it } from 'vitest'
import { openStore } from '../src/stores/index.js'
import { describeStore } from '../src/stores/store.contract.js'
import { hasRedis, startRedis, startRedisCluster } from './kit/redis.js'

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
    return openStore(single.url, world)
  })

  const cluster = await startRedisCluster()
  afterAll(() => cluster.remove())
  describeStore('redis cluster', async (world) => {
    await cluster.admin.flushall()
    return openStore(`${cluster.url}?cluster`, world)
  })
})
