import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { AuthError } from '../base/errors.js'
import { type LimitCounter, createMemoryCounter } from './limit-counter.js'
import { createRateLimits, type RateLimitsOptions } from './rate-limits.js'

const office = '203.0.113.7'

const defaults = { ipPerMinute: 100, ipTotalPerMinute: 3000, sessionPerMinute: 10 }

function setUp(options: Partial<RateLimitsOptions> = {}) {
  const time = { now: 1_000 }
  return { time, limits: createRateLimits({ ...defaults, clock: () => time.now, ...options }) }
}

async function times(count: number, run: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < count; i += 1) await run()
}

const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('admit', () => {
  it('admits 3,000 requests of one address in a minute and refuses the next with all RateLimit headers', async () => {
    const { time, limits } = setUp()
    await times(3_000, () => limits.admit(office))
    time.now += 29.5
    const error = await caught(limits.admit(office))
    expect(error).toBeInstanceOf(AuthError)
    expect(error).toMatchObject({
      code: 'AUTH_RATE_LIMITED',
      status: 429,
      retryable: true,
      retryAfterSeconds: 31,
      reason: 'ip',
      headers: { 'RateLimit-Policy': '"ip";q=3000;w=60', RateLimit: '"ip";r=0;t=31' },
    })
  })

  it('refuses until the minute is over, and admits in that second', async () => {
    const { time, limits } = setUp({ ipTotalPerMinute: 1 })
    await limits.admit(office)
    time.now += 59
    expect(await caught(limits.admit(office))).toMatchObject({ retryAfterSeconds: 1 })
    time.now += 1
    expect(await caught(limits.admit(office))).toBeUndefined()
  })

  it('counts the addresses of one IPv6 /64 together, and those of other networks separately', async () => {
    const { limits } = setUp({ ipTotalPerMinute: 2 })
    await limits.admit('2001:db8:1:2::1')
    await limits.admit('2001:db8:1:2::2')
    expect(await caught(limits.admit('2001:db8:1:2:3::3'))).toMatchObject({ code: 'AUTH_RATE_LIMITED' })
    expect(await caught(limits.admit('2001:db8:1:3::1'))).toBeUndefined()
  })
})

describe('refusal', () => {
  it('returns 100 refusals of one address in a minute unchanged, and replaces the next by a 429', async () => {
    const { limits } = setUp()
    await times(100, async () => expect(await limits.refusal(office)).toBeNull())
    expect(await limits.refusal(office)).toMatchObject({
      code: 'AUTH_RATE_LIMITED',
      retryable: true,
      retryAfterSeconds: 60,
      reason: 'ip_refused',
      headers: { 'RateLimit-Policy': '"ip_refused";q=100;w=60', RateLimit: '"ip_refused";r=0;t=60' },
    })
  })

  it('never refuses the good requests of the same address', async () => {
    const { limits } = setUp()
    await times(500, () => limits.refusal(office))
    expect(await caught(limits.admit(office))).toBeUndefined()
    expect(await caught(limits.spendSession('a session'))).toBeUndefined()
  })

  it('does not count good requests', async () => {
    const { limits } = setUp()
    await times(2_000, () => limits.admit(office))
    expect(await limits.refusal(office)).toBeNull()
  })

  it('counts each address separately, and starts again after a minute', async () => {
    const { time, limits } = setUp({ ipPerMinute: 1 })
    await limits.refusal(office)
    expect(await limits.refusal(office)).toBeInstanceOf(AuthError)
    expect(await limits.refusal('203.0.113.8')).toBeNull()
    time.now += 60
    expect(await limits.refusal(office)).toBeNull()
  })
})

describe('spendSession', () => {
  it('admits 10 rotations of one session in a minute and refuses the next', async () => {
    const { time, limits } = setUp()
    await times(10, () => limits.spendSession('s1'))
    expect(await caught(limits.spendSession('s1'))).toMatchObject({
      code: 'AUTH_RATE_LIMITED',
      reason: 'session',
      headers: { 'RateLimit-Policy': '"session";q=10;w=60' },
    })
    expect(await caught(limits.spendSession('s2'))).toBeUndefined()
    time.now += 60
    expect(await caught(limits.spendSession('s1'))).toBeUndefined()
  })

  it('does not name the key in the error', async () => {
    const { limits } = setUp({ sessionPerMinute: 1 })
    await limits.spendSession('canary-session')
    const error = await caught(limits.spendSession('canary-session'))
    expect(error).toBeInstanceOf(AuthError)
    expect(inspect(error, { depth: 5 })).not.toContain('canary-s')
  })
})

describe('a shared counter', () => {
  it('receives the window and the count, and its answer is decided on like that of the memory counter', async () => {
    let count = 0
    const { limits } = setUp({
      sessionPerMinute: 2,
      limiters: () => ({ count: () => Promise.resolve({ count: (count += 1), resetSeconds: 30.2 }) }),
    })
    await times(2, () => limits.spendSession('s1'))
    expect(await caught(limits.spendSession('s1'))).toMatchObject({
      code: 'AUTH_RATE_LIMITED',
      retryAfterSeconds: 31,
    })
  })

  it('that fails refuses no request: the limit is then counted in memory', async () => {
    const told: unknown[] = []
    const broken: LimitCounter = { count: () => Promise.reject(new Error('connection lost')) }
    const { limits } = setUp({
      sessionPerMinute: 2,
      limiters: () => broken,
      onSharedCount: (change) => told.push(change),
    })
    await times(2, () => limits.spendSession('s1'))
    expect(await caught(limits.spendSession('s1'))).toMatchObject({ code: 'AUTH_RATE_LIMITED' })
    expect(told).toEqual([{ counted: 'alone' }])
  })

  it('that throws synchronously is treated as one that rejects', async () => {
    const broken: LimitCounter = {
      count() {
        throw new Error('not connected')
      },
    }
    const { limits } = setUp({ limiters: () => broken })
    expect(await caught(limits.admit(office))).toBeUndefined()
    expect(await limits.refusal(office)).toBeNull()
  })

  it('that does not answer is not called for a second, and then called again', async () => {
    let asked = 0
    const hung: LimitCounter = {
      count() {
        asked += 1
        return new Promise(() => {})
      },
    }
    const { time, limits } = setUp({ limiters: () => hung, limiterTimeoutSeconds: 0.01 })
    await times(5, () => limits.admit(office))
    expect(asked).toBe(1)
    time.now += 1
    await limits.admit(office)
    expect(asked).toBe(2)
  })

  it('is used again once it answers', async () => {
    let broken = true
    const told: unknown[] = []
    const { time, limits } = setUp({
      sessionPerMinute: 1,
      onSharedCount: (change) => told.push(change),
      limiters: (policy) => {
        const shared = createMemoryCounter(policy, { clock: () => 0 })
        return { count: (key) => (broken ? Promise.reject(new Error('away')) : shared.count(key)) }
      },
    })
    await limits.spendSession('s1')
    broken = false
    time.now += 1
    expect(await caught(limits.spendSession('s1'))).toBeUndefined()
    expect(await caught(limits.spendSession('s1'))).toMatchObject({ code: 'AUTH_RATE_LIMITED' })
    time.now += 10
    await caught(limits.spendSession('s1'))
    expect(told).toEqual([{ counted: 'alone' }, { counted: 'together', aloneSeconds: 11 }])
  })

  it('that fails for all three limits emits one event, and another when none of them fails', async () => {
    const told: unknown[] = []
    const down = new Set(['ip', 'session'])
    const { time, limits } = setUp({
      limiters: (policy) => {
        const shared = createMemoryCounter(policy, { clock: () => 0 })
        return {
          count: (key) => (down.has(policy.name) ? Promise.reject(new Error('away')) : shared.count(key)),
        }
      },
      onSharedCount: (change) => told.push(change),
    })
    await Promise.all([limits.admit(office), limits.refusal(office), limits.spendSession('s1')])
    down.delete('ip')
    for (let seconds = 0; seconds < 30; seconds += 5) {
      time.now += 5
      await Promise.all([limits.admit(office), limits.spendSession('s1')])
    }
    expect(told).toEqual([{ counted: 'alone' }])
  })
})
