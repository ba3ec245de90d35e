import { hasRedis, readStored, startRedis } from '../../auth/test/kit/redis.js'
import { describeCrashes } from './store-crash.contract.js'

describeCrashes('Redis', hasRedis(), async () => {
  const redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'always')
  return {
    url: redis.url,
    kill: () => redis.kill(),
    start: () => redis.start(),
    remove: () => redis.remove(),
    readSession: (id) => readStored(redis.admin, id),
    countSessions: async () => (await redis.admin.keys('perennial:session:*')).length,
  }
})
