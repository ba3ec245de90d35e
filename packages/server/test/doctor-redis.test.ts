import { parseStoreAddress } from '@perennial/auth'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis, startRedis, startRedisCluster, type RedisServer } from '../../auth/test/kit/redis.js'
import { startSentinelWorld } from '../../auth/test/kit/redis-sentinel.js'
import { checkRedis } from '../src/doctor/check-redis.js'
import { examine } from '../src/doctor/doctor.js'

describe.runIf(hasRedis())('checkRedis', () => {
  let redis: RedisServer
  beforeEach(async () => {
    redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'always')
  })
  afterEach(() => redis.remove())

  const check = async (url: string) => {
    const address = parseStoreAddress(url)
    if (address.kind !== 'redis') throw new Error('not a Redis address')
    return await checkRedis(address, { appId: 'app_test', secret: undefined, prefix: undefined })
  }
  const linesOf = async (url = redis.url) =>
    (await check(url)).map(({ level, message }) => `${level}: ${message}`)

  it('finds nothing wrong with one that loses nothing, and leaves nothing there for longer than a minute', async () => {
    const findings = await check(redis.url)
    expect(findings.map(({ level }) => level)).toEqual(['ok', 'ok'])
    const keys = await redis.admin.keys('*')
    for (const key of keys) expect(await redis.admin.ttl(key)).toBeGreaterThan(0)
    for (const key of keys) expect(await redis.admin.ttl(key)).toBeLessThanOrEqual(60)
  })

  it('says how much each setting of durability loses', async () => {
    const cases: [string, string, RegExp][] = [
      ['appendfsync', 'everysec', /^ok: .*loses about a second/],
      ['appendfsync', 'no', /^warning: .*half a minute.*Set appendfsync/],
      ['appendonly', 'no', /^warning: appendonly is off.*Set appendonly yes/],
      ['maxmemory-policy', 'allkeys-lru', /^error: maxmemory-policy is allkeys-lru/],
    ]
    for (const [name, value, pattern] of cases) {
      await redis.admin.config('SET', name, value)
      expect((await linesOf())[1]).toMatch(pattern)
    }
  })

  it('says of one that takes no writes why, and what to do', async () => {
    await redis.admin.config('SET', 'maxmemory', '1')
    expect(await linesOf()).toEqual([expect.stringMatching(/^error: its memory is full \(OOM\)/)])
    await redis.admin.config('SET', 'maxmemory', '0')
    await redis.admin.call('ACL', 'SETUSER', 'app', 'on', '>pw', '~other:*', 'allchannels', '+@all')
    const asApp = redis.url.replace('redis://', 'redis://app:pw@')
    const expectRight = async (right: RegExp) =>
      expect(await linesOf(asApp)).toEqual([expect.stringMatching(right)])
    await expectRight(
      /^error: The user of the Redis store may not use the keys perennial:\* .*NOPERM.*STORE_URL/,
    )
    await redis.admin.call('ACL', 'SETUSER', 'app', 'resetkeys', '~perennial:*', 'resetchannels')
    await expectRight(/^error: The user of the Redis store may not use the channels perennial:\* .*NOPERM/)
    await redis.admin.call('REPLICAOF', '127.0.0.1', '1')
    expect(await linesOf()).toEqual([expect.stringMatching(/^error: STORE_URL names a replica/)])
  })

  it('warns if the clock of Redis and that of this machine differ', async () => {
    const address = parseStoreAddress(redis.url)
    if (address.kind !== 'redis') throw new Error('not a Redis address')
    const expected = { appId: 'app_test', secret: undefined, prefix: undefined }
    const found = await checkRedis(address, expected, () => Date.now() / 1000 + 29)
    expect(found.map(({ level, message }) => `${level}: ${message}`)).toContainEqual(
      expect.stringMatching(/^warning: Its clock is 29 s behind that of this machine\..*NTP/),
    )
  })

  it('says of settings that it may not read which ones to see to', async () => {
    await redis.admin.call('ACL', 'SETUSER', 'app', 'on', '>pw', 'allkeys', 'allchannels', '+@all', '-config')
    const lines = await linesOf(redis.url.replace('redis://', 'redis://app:pw@'))
    expect(lines[1]).toMatch(/^warning: .*could not be read \(NOPERM\).*noeviction/)
  })

  it('reads the settings of the nodes of a Cluster and of the master behind Sentinels', async () => {
    const cluster = await startRedisCluster('--appendonly', 'yes', '--appendfsync', 'no')
    try {
      expect((await linesOf(`${cluster.url}?cluster`))[1]).toMatch(/appendfsync no/)
    } finally {
      await cluster.remove()
    }
    const world = await startSentinelWorld()
    try {
      await world.first.admin.config('SET', 'appendfsync', 'no')
      expect((await linesOf(world.url))[1]).toMatch(/appendfsync no/)
    } finally {
      await world.remove()
    }
  })

  it('says of one that refuses us what it refuses, without the password', async () => {
    await redis.admin.config('SET', 'requirepass', 'right')
    const [finding] = await check(redis.url.replace('redis://', 'redis://:hunter2@'))
    expect(finding).toMatchObject({
      level: 'error',
      message: expect.stringMatching(/WRONGPASS.*check user and password.*STORE_URL/),
    })
    expect(JSON.stringify(finding)).not.toContain('hunter2')
  })

  it('says of one that is away where to look, and of one that hangs that it does', async () => {
    redis.signal('SIGSTOP')
    expect(await linesOf()).toEqual([
      expect.stringMatching(/^error: .*takes connections but does not answer/),
    ])
    redis.signal('SIGCONT')
    await redis.kill()
    const [finding] = await check(redis.url)
    expect(finding).toMatchObject({
      level: 'error',
      message: expect.stringMatching(/ECONNREFUSED.*Check STORE_URL/),
    })
  })

  it('wants a secret of a service that shares it, unless that keeps no sessions', async () => {
    const linesFor = async (env: Record<string, string>) => {
      const memberstack = { MEMBERSTACK_APP_ID: 'app_x', MEMBERSTACK_ADMIN_URL: 'http://127.0.0.1:1' }
      const found = await examine(
        { STORE_URL: redis.url, ...memberstack, ...env },
        { readTextFile: () => '' },
      )
      return found.filter(({ subject }) => subject === 'store').map(({ message }) => message)
    }
    expect((await linesFor({ MEMBERSTACK_SECRET_KEY: 'sk_x' }))[0]).toMatch(/^PERENNIAL_SECRET is not set/)
    const secret = Buffer.alloc(32, 7).toString('base64')
    for (const env of [
      { MEMBERSTACK_SECRET_KEY: 'sk_x', PERENNIAL_SECRET: secret },
      { MEMBERSTACK_REFRESH_URL: 'http://127.0.0.1:1/', MEMBERSTACK_JWKS_URI: 'http://127.0.0.1:1/' },
    ])
      expect((await linesFor(env))[0]).toMatch(/^Redis answers/)
  })
})
