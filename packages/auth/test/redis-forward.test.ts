import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually, startInstance, type SharingInstance } from './redis-instances.js'
import { hasRedis, startRedis, type RedisServer } from './redis-server.js'

const route = 'POST /auth/refresh-token'

describe.runIf(hasRedis())('a Redis that comes back empty in the middle of an upstream call', () => {
  let redis: RedisServer
  let emulator: Emulator
  let instances: readonly SharingInstance[]

  beforeEach(async () => {
    redis = await startRedis()
    emulator = await startEmulator()
    instances = await Promise.all(
      [1, 2, 3].map(() => startInstance(emulator, redis.url, { mode: 'forward' })),
    )
  })
  afterEach(async () => {
    await Promise.all(instances.map(({ perennial }) => perennial.close()))
    await emulator.close()
    await redis.remove()
  })

  it('causes no second call: whoever waits elsewhere, or comes later, gets the one answer', async () => {
    const [one, two, three] = instances
    if (!one || !two || !three) throw new Error('three were started')
    const { refreshToken } = await emulator.issueTokens()
    emulator.setFault({ route, delayMs: 2_500, times: 1 })
    const asking = one.refresh(refreshToken)
    await eventually(async () => emulator.calls()[route] === 1)
    const waiting = two.refresh(refreshToken)
    await eventually(async () => (await redis.admin.pubsub('CHANNELS', 'perennial:answer:*')).length === 1)

    await redis.kill()
    await redis.start()
    const first = await asking
    expect(first.status).toBe(200)
    expect(await waiting).toMatchObject({ status: 200, body: { refreshToken: first.body['refreshToken'] } })
    expect(await three.refresh(refreshToken)).toMatchObject({
      status: 200,
      body: { refreshToken: first.body['refreshToken'] },
    })
    expect(emulator.calls()[route]).toBe(1)
  })
})
