import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis, startRedis, type RedisServer } from '../../auth/test/redis-server.js'
import { checkStore } from '../src/doctor/check-store.js'

describe.runIf(hasRedis())('checkStore, of a Redis', () => {
  let redis: RedisServer
  beforeEach(async () => {
    redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'always')
  })
  afterEach(() => redis.remove())

  it('finds nothing wrong with one that loses nothing', async () => {
    const findings = await checkStore(redis.url)
    expect(findings.map(({ level }) => level)).toEqual(['ok', 'ok'])
  })

  it('says of one that refuses us what it refuses, without the password', async () => {
    await redis.admin.config('SET', 'requirepass', 'right')
    const [finding] = await checkStore(redis.url.replace('redis://', 'redis://:hunter2@'))
    expect(finding).toMatchObject({
      level: 'error',
      message: expect.stringMatching(/WRONGPASS.*check user and password/),
    })
    expect(JSON.stringify(finding)).not.toContain('hunter2')
  })

  it('says of one that is away where to look', async () => {
    await redis.kill()
    const [finding] = await checkStore(redis.url)
    expect(finding).toMatchObject({ level: 'error', message: expect.stringMatching(/Check STORE_URL/) })
  })
})
