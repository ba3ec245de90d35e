import { afterAll, describe, expect, it } from 'vitest'
import { describeSharedAnswers } from '../src/refresh/shared-answers.contract.js'
import { parseRedisAddress } from '../src/stores/redis/address.js'
import { openRedisConnection } from '../src/stores/redis/connection.js'
import { createRedisSharedAnswers } from '../src/stores/redis/shared-answers.js'
import { hasRedis, startRedis } from './kit/redis.js'

const isThere = hasRedis()

describe.runIf(isThere)('on a real Redis', async () => {
  // The body of a skipped suite runs too.
  if (!isThere) {
    it('needs redis-server', () => {})
    return
  }
  const server = await startRedis()
  afterAll(() => server.remove())

  /** Every key has that much less to live. */
  const pass = async (seconds: number) => {
    for (const key of await server.admin.keys('*')) {
      const left = await server.admin.pttl(key)
      await server.admin.pexpire(key, left - seconds * 1000)
    }
  }
  describeSharedAnswers('redis', async () => {
    const connection = await openRedisConnection(parseRedisAddress(server.url), 'perennial')
    return { answers: createRedisSharedAnswers(connection), pass, close: () => connection.close() }
  })

  it('a claim that Redis forgot is put back; whoever waits is told, and whoever comes finds the answer', async () => {
    const address = parseRedisAddress(server.url)
    const connections = [
      await openRedisConnection(address, 'perennial'),
      await openRedisConnection(address, 'perennial'),
    ] as const
    const [ours, other] = connections.map(createRedisSharedAnswers)
    if (!ours || !other) throw new Error('two were opened')
    await ours.claim('k', 'a', 35)
    await server.admin.config('RESETSTAT')
    const waiting = other.wait('k', 30)
    // The first look is over: what is lost from now on is lost while somebody waits.
    await expect.poll(() => server.admin.info('commandstats')).toContain('cmdstat_mget')
    await server.admin.flushall()

    await expect.poll(() => server.admin.get('perennial:answer:{k}')).toBe('Ca')
    expect(await server.admin.pttl('perennial:answer:{k}')).toBeLessThan(35_000)
    expect(await other.claim('k', 'b', 35)).toBe('taken')
    await server.admin.flushall()
    await ours.settle('k', 'a', 'sealed', 30)
    expect(await waiting).toBe('sealed')
    expect(await other.claim('k', 'b', 35)).toEqual({ settled: 'sealed' })
    await Promise.all(connections.map((connection) => connection.close()))
  })
})
