import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RedisConnection } from './connection.js'
import { createRedisKeys } from './keys.js'
import { createHeldClaims } from './shared-answers.js'

describe('a claim whose call is under way', () => {
  let sent: (readonly unknown[])[]
  let reply: () => Promise<unknown>
  const command: RedisConnection['command'] = (...args) => {
    sent.push(args)
    return reply()
  }
  const claim = { key: 'k', owner: 'a', leaseMs: 1_200 }

  beforeEach(() => {
    vi.useFakeTimers()
    sent = []
    reply = async () => 'OK'
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('is restored twice a second if it is missing, for the rest of its lease and no longer', async () => {
    createHeldClaims({ command, keys: createRedisKeys('perennial') }).hold(claim)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(sent).toEqual([
      ['SET', 'perennial:answer:{k}', 'Ca', 'PX', 700, 'NX'],
      ['SET', 'perennial:answer:{k}', 'Ca', 'PX', 200, 'NX'],
    ])
  })

  it('is restored again after a failure', async () => {
    reply = async () => Promise.reject(new Error('away'))
    createHeldClaims({ command, keys: createRedisKeys('perennial') }).hold(claim)
    await vi.advanceTimersByTimeAsync(1_100)
    expect(sent).toHaveLength(2)
  })

  it('is released when the attempt under way has ended, and is not restored afterwards', async () => {
    let answer = () => {}
    reply = () => new Promise<void>((resolve) => (answer = resolve))
    const held = createHeldClaims({ command, keys: createRedisKeys('perennial') })
    held.hold(claim)
    await vi.advanceTimersByTimeAsync(500)
    let isGone = false
    const going = held.release('a').then(() => (isGone = true))
    await vi.advanceTimersByTimeAsync(0)
    expect(isGone).toBe(false)
    answer()
    await going
    await vi.advanceTimersByTimeAsync(5_000)
    expect(sent).toHaveLength(1)
  })
})
