import { describe, expect, it } from 'vitest'

import { createSingleFlight, shareRun } from './single-flight.js'

describe('createSingleFlight', () => {
  it('lets all callers of one key share the run under way, and says who joined', async () => {
    const flights = createSingleFlight<number>()
    let runs = 0
    const start = async () => (runs += 1)

    const taken = [flights.run('a', start), flights.run('a', start), flights.run('a', start)]

    expect(await Promise.all(taken.map((flight) => flight.result))).toEqual([1, 1, 1])
    expect(taken.map((flight) => flight.joined)).toEqual([false, true, true])
  })

  it('keeps keys apart', async () => {
    const flights = createSingleFlight<string>()

    const [a, b] = [flights.run('a', async () => 'of a'), flights.run('b', async () => 'of b')]

    expect([await a.result, await b.result]).toEqual(['of a', 'of b'])
  })

  it('shares a failure with those who joined, and starts anew after it', async () => {
    const flights = createSingleFlight<string>()
    const failing = async (): Promise<string> => {
      throw new Error('down')
    }

    const first = flights.run('a', failing)
    const joined = flights.run('a', failing)

    await expect(first.result).rejects.toThrow('down')
    await expect(joined.result).rejects.toThrow('down')
    const next = flights.run('a', async () => 'up')
    expect([next.joined, await next.result]).toEqual([false, 'up'])
  })

  it('lets a run that asks for its own key at once join itself, also one that throws at once', async () => {
    const flights = createSingleFlight<number>()
    let runs = 0
    const start = async (): Promise<number> => {
      runs += 1
      expect(flights.run('a', start).joined).toBe(true)
      return runs
    }

    expect(await flights.run('a', start).result).toBe(1)
    expect(runs).toBe(1)
    const broken = flights.run('a', () => {
      throw new TypeError('not a promise')
    })
    await expect(broken.result).rejects.toThrow('not a promise')
    expect(flights.current('a')).toBeUndefined()
  })

  it('remembers nothing once a run has settled', async () => {
    const flights = createSingleFlight<number>()
    let runs = 0
    const start = async () => (runs += 1)

    await flights.run('a', start).result
    await flights.run('a', start).result

    expect(runs).toBe(2)
  })

  it('starts a new run after a detach, while the old one goes on for those who joined it', async () => {
    const flights = createSingleFlight<string>()
    const attached: boolean[] = []
    let finish = () => {}
    const old = flights.run('a', async (isAttached) => {
      await new Promise<void>((resolve) => (finish = resolve))
      attached.push(isAttached())
      return 'old'
    })
    flights.detach('a')
    expect(flights.current('a')).toBeUndefined()
    const anew = flights.run('a', async (isAttached) => {
      await old.result
      attached.push(isAttached())
      return 'new'
    })
    finish()

    expect([await old.result, await anew.result, anew.joined]).toEqual(['old', 'new', false])
    expect(attached).toEqual([false, true])
    expect(flights.current('a')).toBeUndefined()
  })
})

describe('shareRun', () => {
  it('lets all callers share the run under way, and runs again after it', async () => {
    let runs = 0
    const run = shareRun(async () => (runs += 1))

    expect(await Promise.all([run(), run()])).toEqual([1, 1])
    expect(await run()).toBe(2)
  })
})
