import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { closeAll, eventually, startInstance, toPair, type SharingInstance } from './kit/instances.js'
import { faultOptions, refreshUntilItWorks, refreshWhenBack, sessionIdOf } from './kit/outage.js'
import { hasRedis, readStored, startRedis, takeSnapshot, type RedisServer } from './kit/redis.js'

describe.runIf(hasRedis())('a Redis that keeps snapshots alone (RDB)', faultOptions, () => {
  let redis: RedisServer
  let emulator: Emulator
  let one: SharingInstance
  let two: SharingInstance

  beforeEach(async () => {
    ;[redis, emulator] = await Promise.all([startRedis('--appendonly', 'no'), startEmulator()])
    ;[one, two] = await Promise.all([startInstance(emulator, redis.url), startInstance(emulator, redis.url)])
  })
  afterEach(async () => {
    await closeAll([one, two])
    await Promise.all([redis.remove(), emulator.close()])
  })

  it('and wakes with an old one: honest members go on in one line, the dead stay dead, newborns sign in again', async () => {
    const [honest, dead] = [await one.signIn(), await one.signIn()]
    await redis.admin.save()
    const restore = takeSnapshot(redis)
    let latest = honest
    for (const each of [one, two, one]) latest = toPair((await each.refresh(latest.refreshToken)).body)
    const deadId = sessionIdOf(dead.accessToken)
    expect((await one.signOutSession(deadId, dead.accessToken)).status).toBe(204)
    await eventually(async () => (await two.me(dead.accessToken)).status === 401)
    const newborn = await two.signIn()
    await redis.kill()
    restore()
    await redis.start()

    for (const each of [one, two]) {
      expect((await refreshWhenBack(each, dead.refreshToken)).status).toBe(401)
      expect((await refreshWhenBack(each, newborn.refreshToken)).status).toBe(401)
    }
    await eventually(async () => typeof (await readStored(redis.admin, deadId))?.endedAt === 'number')
    const together = [one, two, one].map((each) => refreshUntilItWorks(each, latest.refreshToken))
    expect(new Set((await Promise.all(together)).map(({ refreshToken }) => refreshToken)).size).toBe(1)
  })
})
