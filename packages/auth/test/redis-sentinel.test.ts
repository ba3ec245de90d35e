import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { closeAll, eventually, startInstance, toPair, type SharingInstance } from './kit/instances.js'
import {
  expectBounded,
  faultOptions,
  refreshUntilItWorks,
  refreshWhenBack,
  sessionIdOf,
} from './kit/outage.js'
import { masterName, startSentinelWorld, type SentinelWorld } from './kit/redis-sentinel.js'
import { hasRedis, readStored } from './kit/redis.js'

describe.runIf(hasRedis())('behind Sentinel', faultOptions, () => {
  let world: SentinelWorld
  let emulator: Emulator
  let instances: SharingInstance[] = []

  beforeAll(async () => {
    emulator = await startEmulator()
  })
  afterAll(() => emulator.close())
  beforeEach(async () => {
    world = await startSentinelWorld()
  })
  afterEach(async () => {
    await closeAll(instances)
    instances = []
    await world.remove()
  })

  const start = async () => {
    const instance = await startInstance(emulator, world.url)
    instances.push(instance)
    return instance
  }
  const isReady = () =>
    eventually(async () => (await Promise.all(instances.map((one) => one.isReady()))).every(Boolean))

  it('a killed primary: 503 in bounded time until there is another, and back again when it returns', async () => {
    const [one, two] = [await start(), await start()]
    const pair = await one.signIn()
    const second = toPair((await two.refresh(pair.refreshToken)).body)
    await world.inStep()
    await world.first.kill()

    await expectBounded(one.refresh(second.refreshToken))
    expect(await two.isReady()).toBe(false)
    const third = await refreshUntilItWorks(two, second.refreshToken)
    const fourth = await refreshUntilItWorks(one, third.refreshToken)
    await isReady()

    // The old primary comes back as a replica, and takes over again. Sentinel hands over before it tells anybody, so that
    // what is written meanwhile may be lost.
    await world.first.start()
    await world.inStep()
    await world.sentinel.call('SENTINEL', 'FAILOVER', masterName)
    const fifth = await refreshUntilItWorks(one, fourth.refreshToken)
    await world.isPrimary(world.first)
    const sixth = await refreshUntilItWorks(two, fifth.refreshToken)
    await refreshUntilItWorks(one, sixth.refreshToken)
    const stored = await readStored(world.first.admin, sessionIdOf(pair.accessToken))
    expect(stored?.generation).toBe(7)
  })

  it('a failover that loses the last writes: no honest member is lost, no session forks, the dead stay dead', async () => {
    const [one, two] = [await start(), await start()]
    const [honest, unlucky, dead] = [await one.signIn(), await one.signIn(), await one.signIn()]
    await world.inStep()
    // From here on the replica gets nothing.
    world.second.signal('SIGSTOP')
    await world.first.admin.call('CLIENT', 'KILL', 'TYPE', 'replica')
    const second = toPair((await one.refresh(honest.refreshToken)).body)
    const third = toPair((await two.refresh(second.refreshToken)).body)
    const lost = toPair((await one.refresh(unlucky.refreshToken)).body)
    const newborn = await two.signIn()
    expect((await one.signOutSession(sessionIdOf(dead.accessToken), dead.accessToken)).status).toBe(204)
    await eventually(async () => (await two.me(dead.accessToken)).status === 401)
    await world.first.kill()
    world.second.signal('SIGCONT')
    await expectBounded(one.refresh(third.refreshToken))

    // From its first answer on, whether or not it was told by then.
    for (const each of [one, two]) expect((await refreshWhenBack(each, dead.refreshToken)).status).toBe(401)
    expect((await refreshWhenBack(two, newborn.refreshToken)).status).toBe(401)
    const together = [one, two, one, two].map((each) => refreshUntilItWorks(each, third.refreshToken))
    const successors = new Set((await Promise.all(together)).map(({ refreshToken }) => refreshToken))
    expect(successors.size).toBe(1)
    // His answer got lost before the failover: he is given it again.
    expect((await refreshUntilItWorks(two, unlucky.refreshToken)).refreshToken).toBe(lost.refreshToken)
    const deadId = sessionIdOf(dead.accessToken)
    await eventually(async () => (await world.second.admin.zscore('perennial:{ended}', deadId)) !== null)
    for (const each of [one, two]) expect((await each.me(dead.accessToken)).status).toBe(401)
    await isReady()
  })
})
