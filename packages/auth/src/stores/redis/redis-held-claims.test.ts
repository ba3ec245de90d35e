import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RedisConnection } from './redis-connection.js'
import { createHeldClaims } from './redis-held-claims.js'

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

  it('is put back twice a second where nothing is, for what is left of its lease, and not beyond', async () => {
    createHeldClaims({ command }).hold(claim)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(sent).toEqual([
      ['SET', 'perennial:answer:{k}', 'Ca', 'PX', 700, 'NX'],
      ['SET', 'perennial:answer:{k}', 'Ca', 'PX', 200, 'NX'],
    ])
  })

  it('is put back again after a failure', async () => {
    reply = async () => Promise.reject(new Error('away'))
    createHeldClaims({ command }).hold(claim)
    await vi.advanceTimersByTimeAsync(1_100)
    expect(sent).toHaveLength(2)
  })

  it('is let go when what is under way has come back, and then stays away', async () => {
    let answer = () => {}
    reply = () => new Promise<void>((resolve) => (answer = resolve))
    const held = createHeldClaims({ command })
    held.hold(claim)
    await vi.advanceTimersByTimeAsync(500)
    let isGone = false
    const going = held.letGo('a').then(() => (isGone = true))
    await vi.advanceTimersByTimeAsync(0)
    expect(isGone).toBe(false)
    answer()
    await going
    await vi.advanceTimersByTimeAsync(5_000)
    expect(sent).toHaveLength(1)
  })
})
