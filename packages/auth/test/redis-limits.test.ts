import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AuthEvent, LimitsObservation } from '../src/telemetry/index.js'
import { eventually, startInstance, type SharingInstance } from './kit/instances.js'
import { hasRedis, startRedis, type RedisServer } from './kit/redis.js'

describe.runIf(hasRedis())('limits whose Redis goes away', () => {
  let redis: RedisServer
  let emulator: Emulator
  let instance: SharingInstance
  let aheadSeconds: number
  let events: AuthEvent[]
  let told: LimitsObservation[]

  beforeEach(async () => {
    redis = await startRedis()
    emulator = await startEmulator()
    aheadSeconds = 0
    events = []
    told = []
    instance = await startInstance(emulator, redis.url, {
      rateLimits: { ipPerMinute: 20 },
      clock: () => Date.now() / 1000 + aheadSeconds,
      telemetry: {
        emit: (event) => events.push(event),
        observeUpstream: () => {},
        observeLimits: (observation) => told.push(observation),
      },
    })
  })
  afterEach(async () => {
    await instance.perennial.close()
    await emulator.close()
    await redis.remove()
  })

  it('are counted on, the operator is told once, and once more when they are counted together again', async () => {
    expect((await instance.refresh('garbage')).status).toBe(401)
    expect(told).toEqual([])
    await redis.kill()
    const flood = await Promise.all(Array.from({ length: 200 }, () => instance.refresh('garbage')))
    const refused = flood.filter(({ status }) => status === 401)
    expect(refused).toHaveLength(20)
    expect(flood.filter(({ status }) => status === 429)).toHaveLength(180)
    expect(told).toEqual([{ counted: 'alone' }])
    const failures = () => events.filter(({ event }) => event === 'upstream_failure')
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
      return told.length > 1
    })
    expect(told).toEqual([{ counted: 'alone' }, { counted: 'together', aloneSeconds: expect.any(Number) }])
    expect(failures()).toHaveLength(1)
  })
})
