import { startEmulator } from '@perennial/emulator'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseRedisAddress } from '../src/stores/redis/address.js'
import { openRedisConnection } from '../src/stores/redis/connection.js'
import { createRedisLimiters } from '../src/stores/redis/limits.js'
import { eventually, startInstance } from './kit/instances.js'
import { refreshUntilItWorks, strangeRefreshToken } from './kit/outage.js'
import { hasRedis, startRedis, type RedisServer } from './kit/redis.js'

/** As documented in docs/operations.md. */
const mostUnderWay = 20_000

describe.runIf(hasRedis())('many calls to a Redis that does not answer', () => {
  let redis: RedisServer
  beforeEach(async () => {
    redis = await startRedis()
  })
  afterEach(() => redis.remove())

  /** How many of these commands Redis has seen. */
  const seen = async (name: string) =>
    Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(await redis.admin.info('commandstats'))?.[1] ?? 0)

  it('queue up to 20,000; further ones, limits included, are refused at once, and calls succeed once it answers', async () => {
    const connection = await openRedisConnection(parseRedisAddress(redis.url), 'perennial')
    redis.signal('SIGSTOP')
    const settled: string[] = []
    const asked = Array.from({ length: 3 * mostUnderWay }, (_, at) =>
      connection.command('INCR', 'crowd').catch(() => settled.push(at < mostUnderWay ? 'waited' : 'refused')),
    )
    const count = createRedisLimiters(connection)({ name: 'ip', quota: 1, windowSeconds: 60 })
    Promise.resolve(count.count('203.0.113.7')).catch(() => settled.push('refused'))
    // All of this turn: no answer of Redis, and no timer, has come in between.
    await new Promise<void>((resolve) => {
      setImmediate(resolve)
    })
    expect(settled).toHaveLength(2 * mostUnderWay + 1)
    expect(new Set(settled)).toEqual(new Set(['refused']))
    await Promise.all(asked)

    redis.signal('SIGCONT')
    await eventually(() =>
      connection.command('PING').then(
        () => true,
        () => false,
      ),
    )
    expect(await seen('incr')).toBeLessThanOrEqual(mostUnderWay)
    await connection.close()
  })

  it('by members are each answered with a retryable 503, and succeed afterwards', async () => {
    const emulator = await startEmulator()
    const instance = await startInstance(emulator, redis.url)
    const { refreshToken } = await instance.signIn()
    redis.signal('SIGSTOP')
    const statuses = new Map<number, number>()
    const ask = async (token: string) => {
      const { status } = await instance.refresh(token)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    await Promise.all(Array.from({ length: 3_000 }, () => ask(strangeRefreshToken())))
    expect([...statuses]).toEqual([[503, 3_000]])

    redis.signal('SIGCONT')
    await refreshUntilItWorks(instance, refreshToken)
    await eventually(() => instance.isReady())
    await instance.perennial.close()
    await emulator.close()
  })
})
