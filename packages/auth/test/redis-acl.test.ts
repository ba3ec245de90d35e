import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { closeAll, startInstance, toPair, type SharingInstance } from './kit/instances.js'
import { hasRedis, startRedis, type RedisServer } from './kit/redis.js'

/** As docs/operations.md and the doctor advise. */
const rights = ['~perennial:*', '&perennial:*', '+@all', '-@dangerous', '+info']

describe.runIf(hasRedis())('the documented user of Redis', () => {
  let redis: RedisServer
  let emulator: Emulator
  let instances: SharingInstance[]
  let url: string
  beforeEach(async () => {
    redis = await startRedis()
    emulator = await startEmulator()
    instances = []
    await redis.admin.call('ACL', 'SETUSER', 'perennial', 'on', '>pw', ...rights)
    url = redis.url.replace('redis://', 'redis://perennial:pw@')
  })
  afterEach(async () => {
    await closeAll(instances)
    await emulator.close()
    await redis.remove()
  })

  it('may do all that an instance does, and cannot empty the server', async () => {
    const one = await startInstance(emulator, url)
    const two = await startInstance(emulator, url)
    instances.push(one, two)
    expect(await one.isReady()).toBe(true)
    const first = await one.signIn()
    const pair = toPair((await two.refresh(first.refreshToken)).body)
    expect((await one.me(pair.accessToken)).status).toBe(200)
    expect((await one.signOutEverywhere(pair.accessToken)).status).toBe(204)
    await expect.poll(async () => (await two.me(pair.accessToken)).status, { timeout: 10_000 }).toBe(401)
    const client = redis.admin.duplicate({ username: 'perennial', password: 'pw' })
    await expect(client.flushall()).rejects.toThrow('NOPERM')
    client.disconnect()
  })
})
