import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { closeAll, eventually, startThree } from './kit/instances.js'
import { hasRedis, startRedis, type RedisServer } from './kit/redis.js'

const route = 'POST /auth/refresh-token'

/** A caller waits 5 s at most; the rest is for a busy machine. */
const boundMs = 10_000

describe.runIf(hasRedis())('a Redis that comes back empty in the middle of an upstream call', () => {
  let redis: RedisServer
  let emulator: Emulator
  let instances: Awaited<ReturnType<typeof startThree>>

  beforeEach(async () => {
    redis = await startRedis()
    emulator = await startEmulator()
    instances = await startThree(emulator, redis.url, { mode: 'forward' })
  })
  afterEach(async () => {
    await closeAll(instances)
    await emulator.close()
    await redis.remove()
  })

  /** One call at the first instance, which is answered when all faults are cleared, and one who waits for it at the second. */
  const askTwice = async (refreshToken: string) => {
    const [one, two, three] = instances
    emulator.setFault({ route, delayMs: 60_000, times: 1 })
    const asking = one.refresh(refreshToken)
    await eventually(async () => emulator.calls()[route] === 1)
    const waiting = two.refresh(refreshToken)
    await eventually(async () => (await redis.admin.pubsub('CHANNELS', 'perennial:answer:*')).length === 1)
    return { asking, waiting, two, three }
  }
  /** The claim while there is no answer yet, then the answer. */
  const isKept = async () => (await redis.admin.keys('perennial:answer:*')).length === 1

  it('causes no second call: whoever waits elsewhere, or comes later, gets the one answer', async () => {
    const { refreshToken } = await emulator.issueTokens()
    const { asking, waiting, three } = await askTwice(refreshToken)
    await redis.kill()
    await redis.start()
    await eventually(isKept)
    emulator.clearFaults()
    const first = await asking
    expect(first.status).toBe(200)
    expect(await waiting).toMatchObject({ status: 200, body: { refreshToken: first.body['refreshToken'] } })
    expect(await three.refresh(refreshToken)).toMatchObject({
      status: 200,
      body: { refreshToken: first.body['refreshToken'] },
    })
    expect(emulator.calls()[route]).toBe(1)
  })

  it('too late for those who wait: 503 to be tried again, and the one answer is there when they do', async () => {
    const { refreshToken } = await emulator.issueTokens()
    const since = performance.now()
    const { asking, waiting, two } = await askTwice(refreshToken)
    await redis.kill()
    emulator.clearFaults()
    const first = await asking
    expect(first.status).toBe(200)
    expect(await waiting).toMatchObject({
      status: 503,
      body: { code: 'AUTH_TOKEN_REFRESH_FAILED', retryable: true },
      headers: { 'retry-after': expect.stringMatching(/^[1-9]\d*$/) },
    })
    expect(performance.now() - since).toBeLessThan(boundMs)

    await redis.start()
    await eventually(isKept)
    await eventually(() => two.isReady())
    expect(await two.refresh(refreshToken)).toMatchObject({
      status: 200,
      body: { refreshToken: first.body['refreshToken'] },
    })
    expect(emulator.calls()[route]).toBe(1)
  })
})
