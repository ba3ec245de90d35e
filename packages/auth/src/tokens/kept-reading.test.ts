import { beforeEach, describe, expect, it } from 'vitest'

import { createKeptReading, type KeptReading } from './kept-reading.js'

let now = 0
let readings = 0
let source: () => Promise<string>
let reading: KeptReading<string>

beforeEach(() => {
  now = 1000
  readings = 0
  source = async () => `reading ${readings}`
  reading = createKeptReading<string>({
    read: () => {
      readings += 1
      return source()
    },
    clock: () => now,
    unread: 'keySetUnread',
    refreshAfterSeconds: 60,
    waitAfterSeconds: 600,
    extraReadings: { burst: 2, everySeconds: 10 },
  })
})

const down = () => Promise.reject(new Error('down'))
/** Lets what was begun in the background settle. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

describe('createKeptReading', () => {
  it('reads once for concurrent callers', async () => {
    expect(await Promise.all([reading.get(now), reading.get(now), reading.get(now)])).toEqual(
      Array(3).fill('reading 1'),
    )
    expect(readings).toBe(1)
  })

  it('answers at once, without a promise, from what was read', async () => {
    await reading.get(now)
    now += 59
    expect(reading.get(now)).toBe('reading 1')
    expect(readings).toBe(1)
  })

  it('reads again in the background when it is time', async () => {
    await reading.get(now)
    now += 60
    expect(reading.get(now)).toBe('reading 1')
    await settle()
    expect(reading.get(now)).toBe('reading 2')
    expect(readings).toBe(2)
  })

  it('makes callers wait for a new reading if the last is too old', async () => {
    await reading.get(now)
    now += 600
    expect(await reading.get(now)).toBe('reading 2')
  })

  it('serves the last reading while the source is down, without waiting for it', async () => {
    await reading.get(now)
    source = down
    now += 6000
    expect(await reading.get(now)).toBe('reading 1')
    expect(reading.get(now)).toBe('reading 1')
    now += 6000
    expect(reading.get(now)).toBe('reading 1')
  })

  it('rejects with the seconds until the next attempt if nothing was ever read', async () => {
    source = down
    await expect(reading.get(now)).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE', retryable: true })
    const refusal = await (async () => reading.get(now))().catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'AUTH_UNAVAILABLE', retryAfterSeconds: 1 })
    expect(refusal).not.toHaveProperty('cause')
    expect(readings).toBe(1)
  })

  it('does not read a source that fails for 1, 2, 4 … 30 seconds, and recovers by itself', async () => {
    source = down
    for (const pause of [1, 2, 4, 8, 16, 30, 30]) {
      const before = readings
      const refusal = await Promise.resolve(reading.get(now)).catch((error: unknown) => error)
      expect(refusal).toMatchObject({
        message: 'The key set cannot be read at the moment.',
        retryAfterSeconds: pause,
        cause: new Error('down'),
      })
      expect(readings).toBe(before + 1)
      now += pause - 0.001
      expect(() => reading.get(now)).toThrow('cannot be read')
      now += 0.002
    }
    source = async () => 'back'
    expect(await reading.get(now)).toBe('back')
  })

  it('reads ahead of time only as often as the allowance permits', async () => {
    await reading.get(now)
    for (let n = 0; n < 300; n += 1) await reading.getNewer(now)
    expect(readings).toBe(3)
    now += 10
    for (let n = 0; n < 300; n += 1) await reading.getNewer(now)
    expect(readings).toBe(4)
  })

  it('reports a newer reading as unavailable while the source is down', async () => {
    await reading.get(now)
    source = down
    await expect(reading.getNewer(now)).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
    expect(() => reading.getNewer(now)).toThrow('cannot be read')
    now += 1
    await expect(reading.getNewer(now)).rejects.toThrow('cannot be read')
    now += 2
    expect(() => reading.getNewer(now)).toThrow('cannot be read')
    expect(readings).toBe(3)
  })

  it('reads again after a source that throws synchronously', async () => {
    source = () => {
      throw new Error('at once')
    }
    await expect(reading.get(now)).rejects.toThrow('cannot be read')
    source = async () => 'back'
    now += 1
    expect(await reading.get(now)).toBe('back')
  })

  it('reads again, and does not wait for hours, when the clock was set back', async () => {
    now = 100_000
    await reading.get(now)
    now = 50_000
    expect(await reading.get(now)).toBe('reading 2')
    source = down
    now = 51_000
    await reading.get(now)
    now = 20_000
    source = async () => 'back'
    reading.refreshIfDue(now)
    await settle()
    expect(reading.last).toBe('back')
  })
})
