import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseRedisAddress } from '../src/stores/redis/address.js'
import { openRedisConnection, type RedisConnection } from '../src/stores/redis/connection.js'
import { createRedisLimiters } from '../src/stores/redis/limits.js'
import { eventually, startInstance, type SharingInstance } from './kit/instances.js'
import { createRecorder, type Recorder } from './kit/recorder.js'
import { hasRedis, startRedis, type RedisServer } from './kit/redis.js'

describe.runIf(hasRedis())('limits whose Redis goes away', () => {
  let redis: RedisServer
  let emulator: Emulator
  let instance: SharingInstance
  let aheadSeconds: number
  let recorder: Recorder

  beforeEach(async () => {
    redis = await startRedis()
    emulator = await startEmulator()
    aheadSeconds = 0
    recorder = createRecorder()
    instance = await startInstance(emulator, redis.url, {
      rateLimits: { ipPerMinute: 20 },
      clock: () => Date.now() / 1000 + aheadSeconds,
      telemetry: recorder,
    })
  })
  afterEach(async () => {
    await instance.perennial.close()
    await emulator.close()
    await redis.remove()
  })

  it('are counted on, the operator is told once, and once more when they are counted together again', async () => {
    expect((await instance.refresh('garbage')).status).toBe(401)
    expect(recorder.limits).toEqual([])
    await redis.kill()
    const flood = await Promise.all(Array.from({ length: 200 }, () => instance.refresh('garbage')))
    const refused = flood.filter(({ status }) => status === 401)
    expect(refused).toHaveLength(20)
    expect(flood.filter(({ status }) => status === 429)).toHaveLength(180)
    expect(recorder.limits).toEqual([{ counted: 'alone' }])
    const failures = () => recorder.events.filter(({ event }) => event === 'upstream_failure')
    expect(failures()).toMatchObject([
      { requestId: 'system', code: 'AUTH_UNAVAILABLE', reason: 'limits', target: 'store' },
    ])

    await redis.start()
    await eventually(() => instance.isReady())
    aheadSeconds = 60
    // The first after the minute is counted by Redis, or finds that it is still away.
    await eventually(async () => {
      expect((await instance.refresh('garbage')).status).toBe(401)
      aheadSeconds += 10
      return recorder.limits.length > 1
    })
    expect(recorder.limits).toEqual([
      { counted: 'alone' },
      { counted: 'together', aloneSeconds: expect.any(Number) },
    ])
    expect(failures()).toHaveLength(1)
  })
})

describe.runIf(hasRedis())('counters that instances share', () => {
  let redis: RedisServer
  let connection: RedisConnection
  beforeEach(async () => {
    redis = await startRedis()
    connection = await openRedisConnection(parseRedisAddress(redis.url), 'perennial')
  })
  afterEach(async () => {
    await connection.close()
    await redis.remove()
  })
  const counter = () => createRedisLimiters(connection)({ name: 'ip', quota: 3, windowSeconds: 60 })
  const key = 'perennial:limit:ip:203.0.113.7'

  it('starts the window with the first count, and no later count extends it', async () => {
    expect(await counter().count('203.0.113.7')).toEqual({ count: 1, resetSeconds: 60 })
    await redis.admin.pexpire(key, 20_000)

    const next = await counter().count('203.0.113.7')

    expect(next.count).toBe(2)
    expect(next.resetSeconds).toBeGreaterThan(0)
    expect(next.resetSeconds).toBeLessThanOrEqual(20)
  })

  it('gives every concurrent count a number of its own, and counts keys apart', async () => {
    const counts = await Promise.all(Array.from({ length: 100 }, async () => counter().count('203.0.113.7')))

    expect(counts.map(({ count }) => count).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, index) => index + 1),
    )
    expect((await counter().count('203.0.113.8')).count).toBe(1)
  })

  it('starts a new window when the old one has expired', async () => {
    await counter().count('203.0.113.7')
    await redis.admin.del(key)

    expect(await counter().count('203.0.113.7')).toEqual({ count: 1, resetSeconds: 60 })
  })

  it('gives a key without an expiry one, so that it does not count for ever', async () => {
    await redis.admin.set(key, '7')

    expect(await counter().count('203.0.113.7')).toEqual({ count: 8, resetSeconds: 60 })
    expect(await redis.admin.pttl(key)).toBeGreaterThan(0)
  })

  it('counts on from the keys of the version before, and leaves keys that it counts on from', async () => {
    // The commands that the version before sent for one count.
    const before = `redis.call('set', KEYS[1], 0, 'EX', ARGV[2], 'NX')
      local consumed = redis.call('incrby', KEYS[1], ARGV[1])
      return {consumed, redis.call('pttl', KEYS[1])}`
    const countBefore = () => redis.admin.eval(before, 1, key, '1', '60')
    await countBefore()

    expect((await counter().count('203.0.113.7')).count).toBe(2)
    expect(await countBefore()).toEqual([3, expect.any(Number)])
    expect((await counter().count('203.0.113.7')).count).toBe(4)
  })
})
