import { describe, expect, it } from 'vitest'
import { createInFlight } from './admin-api.js'

/** Work that a test places and ends by hand. */
function createWork() {
  const started: { placed: () => void; end: (result: string) => void; fail: (error: Error) => void }[] = []
  const run = (placed: () => void) =>
    new Promise<string>((end, fail) => {
      started.push({ placed, end, fail })
    })
  return { started, run }
}

describe('work under way', () => {
  it('is shared by those of one patience, and by everybody once it has its place', async () => {
    const flights = createInFlight<string>()
    const { started, run } = createWork()
    const first = flights.share('a', 1, run)
    expect(flights.share('a', 1, run)).toBe(first)
    started[0]?.placed()
    const patient = flights.share('a', 5, run)
    started[0]?.end('answer')
    expect([await first, await patient]).toEqual(['answer', 'answer'])
    expect(started).toHaveLength(1)
  })

  it('is not shared while it waits, by those who would wait longer or give up sooner', async () => {
    const flights = createInFlight<string>()
    const { started, run } = createWork()
    const patient = flights.share('a', 5, run)
    const hasty = flights.share('a', 1, run)
    expect(hasty).not.toBe(patient)
    started[0]?.end('patient')
    await patient
    expect(flights.share('a', 1, run)).toBe(hasty)
  })

  it('is not shared between keys', () => {
    const flights = createInFlight<string>()
    const { started, run } = createWork()
    void flights.share('a', 1, run)
    void flights.share('b', 1, run)
    expect(started).toHaveLength(2)
  })

  it('is forgotten when it has failed', async () => {
    const flights = createInFlight<string>()
    const { started, run } = createWork()
    const failed = flights.share('a', 1, run)
    started[0]?.fail(new Error('lost'))
    await expect(failed).rejects.toThrow('lost')
    const next = flights.share('a', 1, run)
    started[1]?.end('answer')
    expect(await next).toBe('answer')
  })
})
