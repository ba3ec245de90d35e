import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { closeAll, eventually, startInstance, toPair, type SharingInstance } from './kit/instances.js'
import {
  expectAway,
  expectBounded,
  faultOptions,
  refreshUntilItWorks,
  refreshWhenBack,
  sessionIdOf,
} from './kit/outage.js'
import { hasRedis, startRedis, takeSnapshot, type RedisServer } from './kit/redis.js'

describe.runIf(hasRedis())('when Redis fails', faultOptions, () => {
  let redis: RedisServer
  let emulator: Emulator
  let instances: SharingInstance[] = []

  beforeAll(async () => {
    emulator = await startEmulator()
  })
  afterAll(() => emulator.close())
  beforeEach(async () => {
    redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'always')
  })
  afterEach(async () => {
    await closeAll(instances)
    instances = []
    await redis.remove()
  })

  const start = async () => {
    const instance = await startInstance(emulator, redis.url)
    instances.push(instance)
    return instance
  }

  it('at the start: the service starts, is not ready, answers 503, and recovers by itself', async () => {
    const earlier = await (await start()).signIn()
    await redis.kill()
    const instance = await start()
    expect(await instance.isReady()).toBe(false)
    expect((await instance.me(earlier.accessToken)).status).toBe(503)
    await expectBounded(instance.refresh(earlier.refreshToken))

    await redis.start()
    await eventually(() => instance.isReady())
    const pair = await instance.signIn()
    expect((await instance.me(pair.accessToken)).status).toBe(200)
    expect((await instance.refresh(pair.refreshToken)).status).toBe(200)
  })

  it('midway: 503 in bounded time, members who are known go on, and no refresh token is burned', async () => {
    const instance = await start()
    const pair = await instance.signIn()
    expect((await instance.me(pair.accessToken)).status).toBe(200)
    await redis.kill()

    await expectBounded(instance.refresh(pair.refreshToken))
    expect(await instance.isReady()).toBe(false)
    expect((await instance.me(pair.accessToken)).status).toBe(200)
    await redis.start()
    const next = await refreshUntilItWorks(instance, pair.refreshToken)
    expect((await instance.refresh(next.refreshToken)).status).toBe(200)
    await eventually(() => instance.isReady())
  })

  it('standing still: 503 in bounded time, again and again, and goes on where it was', async () => {
    const instance = await start()
    const { refreshToken } = await instance.signIn()
    redis.signal('SIGSTOP')

    for (let turn = 0; turn < 3; turn++) await expectBounded(instance.refresh(refreshToken))
    expect(await instance.isReady()).toBe(false)
    redis.signal('SIGCONT')
    await refreshUntilItWorks(instance, refreshToken)
    await eventually(() => instance.isReady())
  })

  it('standing still before a crowd: everybody is told to come again, and both members go on', async () => {
    const instance = await start()
    const pairs = [await instance.signIn(), await instance.signIn()]
    redis.signal('SIGSTOP')
    const crowd = Array.from({ length: 2_000 }, (_, at) => instance.refresh(`${pairs[at % 2]?.refreshToken}`))
    for (const answer of await Promise.all(crowd)) expectAway(answer)
    redis.signal('SIGCONT')
    for (const { refreshToken } of pairs) await refreshUntilItWorks(instance, refreshToken)
  })

  it('restarted empty: its sessions are refused, and what had ended is written back', async () => {
    const [one, two] = [await start(), await start()]
    const [mine, other] = [await one.signIn(), await one.signIn()]
    await one.signOutEverywhere(mine.accessToken)
    const before = await redis.admin.zrange('perennial:{ended}', '0', '-1')
    expect(before).toHaveLength(2)

    await redis.kill()
    await redis.start('--appendonly', 'no')
    await eventually(async () => (await redis.admin.zcard('perennial:{ended}')) === 2)
    expect((await redis.admin.zrange('perennial:{ended}', '0', '-1')).toSorted()).toEqual(before.toSorted())
    await eventually(() => two.isReady())
    expect(await two.refresh(other.refreshToken)).toMatchObject({
      status: 401,
      body: { code: 'AUTH_TOKEN_REFRESH_FAILED', retryable: false },
    })
    const fresh = await two.signIn()
    expect((await two.refresh(fresh.refreshToken)).status).toBe(200)
  })

  it('restarted from an old snapshot: no honest member is lost, and the dead stay dead', async () => {
    const [one, two] = [await start(), await start()]
    const [honest, dead] = [await one.signIn(), await one.signIn()]
    const restore = takeSnapshot(redis)
    const second = toPair((await one.refresh(honest.refreshToken)).body)
    const third = toPair((await two.refresh(second.refreshToken)).body)
    const deadId = sessionIdOf(dead.accessToken)
    expect((await one.signOutSession(deadId, dead.accessToken)).status).toBe(204)
    await eventually(async () => (await two.me(dead.accessToken)).status === 401)

    await redis.kill()
    restore()
    await redis.start()
    await eventually(async () => (await redis.admin.zscore('perennial:{ended}', deadId)) !== null)
    expect((await refreshWhenBack(two, dead.refreshToken)).status).toBe(401)
    const fourth = await refreshUntilItWorks(one, third.refreshToken)
    expect((await two.refresh(fourth.refreshToken)).status).toBe(200)
  })

  it('out of memory: refreshes wait, a sign-out is still taken, and nothing is lost', async () => {
    const instance = await start()
    const pair = await instance.signIn()
    const leaving = await instance.signIn()
    await redis.admin.config('SET', 'maxmemory', '1')

    await expectBounded(instance.refresh(pair.refreshToken))
    expect(await instance.isReady()).toBe(false)
    const id = sessionIdOf(leaving.accessToken)
    expect((await instance.signOutSession(id, leaving.accessToken)).status).toBe(204)
    expect((await instance.refresh(leaving.refreshToken)).status).toBe(401)
    await redis.admin.config('SET', 'maxmemory', '0')
    await refreshUntilItWorks(instance, pair.refreshToken)
    expect(await instance.isReady()).toBe(true)
  })

  it('turned into a read-only replica: 503 and not ready until there is a master again', async () => {
    const instance = await start()
    const { refreshToken } = await instance.signIn()
    await redis.admin.call('REPLICAOF', '127.0.0.1', '1')

    await expectBounded(instance.refresh(refreshToken))
    expect(await instance.isReady()).toBe(false)
    await redis.admin.call('REPLICAOF', 'NO', 'ONE')
    await refreshUntilItWorks(instance, refreshToken)
    await eventually(() => instance.isReady())
  })

  it('connections cut again and again: every refresh token still leads on', async () => {
    const instance = await start()
    let { refreshToken } = await instance.signIn()
    for (let turn = 0; turn < 8; turn++) {
      const asked = instance.refresh(refreshToken)
      await redis.admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      await asked
      ;({ refreshToken } = await refreshUntilItWorks(instance, refreshToken))
    }
  })

  it('a wrong password stops the start in one line that does not show it', async () => {
    await redis.admin.config('SET', 'requirepass', 'right')
    const url = redis.url.replace('redis://', 'redis://:hunter2@')
    const failure: unknown = await startInstance(emulator, url).catch((error: unknown) => error)
    expect(String(failure)).toMatch(/^Error: The Redis store refuses the connection \(WRONGPASS\): [^\n]+$/)
    expect(String(failure)).not.toContain('hunter2')
  })
})
