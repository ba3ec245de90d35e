import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Observation } from '../src/telemetry/index.js'
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

  it.each([
    ['channels', ['~perennial:*', 'resetchannels', '+@all'], /may not use the channels perennial:\*/],
    ['keys', ['~perennial:session:*', '&perennial:*', '+@all'], /may not use the keys perennial:\*/],
    ['keys at all', ['resetkeys', '&*', '+@all'], /may not use the keys perennial:\*/],
    ['scripts', ['~*', '&*', '+@all', '-evalsha', '-eval'], /may not run the command eval/],
    ['a command', ['~*', '&*', '+@all', '-xrevrange'], /may not run the command xrevrange/],
  ])('that lacks %s stops the start with a line that names the right', async (_what, given, expected) => {
    await redis.admin.call('ACL', 'SETUSER', 'narrow', 'reset', 'on', '>pw', ...given)
    const narrow = redis.url.replace('redis://', 'redis://narrow:pw@')
    const started = startInstance(emulator, narrow)
    await expect(started).rejects.toThrow(expected)
    await expect(started).rejects.toThrow(/~perennial:\* &perennial:\* \+@all -@dangerous \+info$/)
  })

  it('that loses a right later is named in the log, and the service recovers when it has it again', async () => {
    const causes: string[] = []
    const telemetry = {
      emit: () => {},
      observeUpstream: () => {},
      observe: (fact: Observation) => void (fact.kind === 'upstream_trouble' && causes.push(fact.cause)),
    }
    const one = await startInstance(emulator, url, { telemetry })
    instances.push(one)
    const { refreshToken } = await one.signIn()
    await redis.admin.call('ACL', 'SETUSER', 'perennial', 'resetkeys', '~other:*')
    expect((await one.refresh(refreshToken)).status).toBe(503)
    expect(await one.isReady()).toBe(false)
    expect(causes).toEqual(['its user lacks a right (NOPERM keys)'])
    await redis.admin.call('ACL', 'SETUSER', 'perennial', 'resetkeys', '~perennial:*')
    expect((await one.refresh(refreshToken)).status).toBe(200)
    expect(await one.isReady()).toBe(true)
  })
})
