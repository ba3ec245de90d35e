import { afterAll, describe } from 'vitest'
import { openRedisStore } from '../src/stores/redis/redis-store.js'
import { describeStore } from '../src/stores/store.contract.js'
import { hasRedis, startRedis, startRedisCluster } from './redis-server.js'

describe.runIf(hasRedis())('on a real Redis', async () => {
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
