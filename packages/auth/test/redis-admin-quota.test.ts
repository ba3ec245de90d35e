import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../src/base/time.js'
import { createAdminQuota } from '../src/members/index.js'
import { openStore, type Store } from '../src/stores/index.js'
import { hasRedis, startRedis, type RedisServer } from './kit/redis.js'
import { describeSharedQuota } from './shared-quota.contract.js'

describe.runIf(hasRedis())('two instances on one Redis', () => {
  let server: RedisServer
  let stores: readonly Store[] = []
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.remove())
  beforeEach(async () => {
    await server.admin.flushall()
    stores = await Promise.all([1, 2].map(() => openStore(server.url, { clock: systemClock })))
  })
  afterEach(async () => {
    for (const store of stores) await store.close()
  })
  const both = (): readonly [Store, Store] => {
    const [one, two] = stores
    if (!one || !two) throw new Error('no stores')
    return [one, two]
  }

  describeSharedQuota('on Redis', { stores: both })

  it('each keep to their own quota while Redis is away', async () => {
    const quotas = both().map((store) => {
      const shared = store.shareAdminQuota?.(createAdminQuota({ clock: systemClock }), 'default', {
        perSecond: 1,
      })
      if (!shared) throw new Error('a Redis store shares the quota')
      return shared
    })
    await server.kill()
    const places = await Promise.all([...quotas, ...quotas].map((quota) => quota.take(0)))
    expect(places.map(({ kind }) => kind)).toEqual(['granted', 'granted', 'granted', 'granted'])
  })
})
