import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { eventually, startInstance, type SharingInstance } from './kit/instances.js'
import {
  expectAway,
  expectBounded,
  faultOptions,
  refreshUntilItWorks,
  strangeRefreshToken,
} from './kit/outage.js'
import { hasRedis, startRedis, type RedisServer } from './kit/redis.js'
import { startSlowProxy, type SlowProxy } from './kit/slow-proxy.js'

describe.runIf(hasRedis())('when Redis is slow', faultOptions, () => {
  let redis: RedisServer
  let proxy: SlowProxy
  let emulator: Emulator
  let instance: SharingInstance

  beforeAll(async () => {
    ;[redis, emulator] = await Promise.all([startRedis(), startEmulator()])
  })
  afterAll(() => Promise.all([redis.remove(), emulator.close()]))
  beforeEach(async () => {
    proxy = await startSlowProxy(redis.port)
    instance = await startInstance(emulator, `redis://127.0.0.1:${proxy.port}`)
  })
  afterEach(async () => {
    await instance.perennial.close()
    await proxy.close()
  })

  /** How often Redis was asked for a session. */
  const reads = async () =>
    Number(/cmdstat_hgetall:calls=(\d+)/.exec(await redis.admin.info('commandstats'))?.[1])

  it('a little: callers wait a little', async () => {
    const { refreshToken } = await instance.signIn()
    proxy.delay(200)
    expect((await instance.refresh(refreshToken)).status).toBe(200)
    expect(await instance.isReady()).toBe(true)
  })

  it('beyond patience: 503 in bounded time, again and again, and back by itself', async () => {
    const { refreshToken } = await instance.signIn()
    proxy.delay(60_000)
    for (let turn = 0; turn < 2; turn++) await expectBounded(instance.refresh(refreshToken))
    expect(await instance.isReady()).toBe(false)

    proxy.hurry()
    const next = await refreshUntilItWorks(instance, refreshToken)
    expect((await instance.refresh(next.refreshToken)).status).toBe(200)
    await eventually(() => instance.isReady())
  })

  it('and falls behind: it is spared new work until it has caught up, and nobody is signed out', async () => {
    const { refreshToken } = await instance.signIn()
    // Never silent, so that the connection is not given up.
    proxy.drip(50)
    await expectBounded(instance.refresh(refreshToken))
    const before = await reads()
    const crowd = Array.from({ length: 500 }, () => instance.refresh(strangeRefreshToken()))
    for (const answer of await Promise.all(crowd)) expectAway(answer)
    expect(await reads()).toBe(before)

    proxy.hurry()
    await refreshUntilItWorks(instance, refreshToken)
    expect((await instance.refresh(strangeRefreshToken())).status).toBe(401)
    await eventually(() => instance.isReady())
  })
})
