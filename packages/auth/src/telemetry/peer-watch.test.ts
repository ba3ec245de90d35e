import { describe, expect, it } from 'vitest'
import type { Observation } from './events.js'
import { createPeerWatch } from './peer-watch.js'

function setUp() {
  const time = { now: 1_000 }
  const seen: Observation[] = []
  const telemetry = { observe: (observation: Observation) => void seen.push(observation) }
  const watch = createPeerWatch({ target: 'store', host: 'redis://a:1/0', telemetry, clock: () => time.now })
  return { time, seen, watch }
}

describe('createPeerWatch', () => {
  it('reports trouble once for each cause, however many calls fail, and once that it is over and how long it lasted', () => {
    const { time, seen, watch } = setUp()
    for (let call = 0; call < 50; call += 1) watch.failed('store', 'refused')
    time.now += 30
    for (let call = 0; call < 50; call += 1) watch.failed('store', 'loading')
    time.now += 8
    watch.succeeded()
    watch.succeeded()
    const place = { target: 'store', host: 'redis://a:1/0' }
    expect(seen).toEqual([
      { kind: 'upstream_trouble', ...place, reason: 'store', cause: 'refused' },
      { kind: 'upstream_trouble', ...place, reason: 'store', cause: 'loading' },
      { kind: 'upstream_recovered', ...place, lastedSeconds: 38, failures: 100 },
    ])
    expect(watch.isInTrouble()).toBe(false)
  })

  it('is not over while failures and successes take turns', () => {
    const { time, seen, watch } = setUp()
    for (let turn = 0; turn < 20; turn += 1) {
      watch.failed('store', 'refused')
      time.now += 2
      watch.succeeded()
      time.now += 2
    }
    expect(seen.map(({ kind }) => kind)).toEqual(['upstream_trouble'])
    time.now += 2
    watch.succeeded()
    // The first success after the last failure was earlier.
    expect(seen.at(-1)).toMatchObject({ kind: 'upstream_recovered', lastedSeconds: 78, failures: 20 })
  })

  it('waits longer before it reports the end of trouble that comes back again and again', () => {
    const { time, seen, watch } = setUp()
    for (let turn = 0; turn < 100; turn += 1) {
      watch.failed('store', 'refused')
      time.now += 6
      watch.succeeded()
    }
    expect(seen.length).toBeLessThan(20)
    time.now += 1_000
    watch.succeeded()
    time.now += 60
    watch.failed('store', 'refused')
    time.now += 5
    watch.succeeded()
    expect(seen.at(-1)).toMatchObject({ kind: 'upstream_recovered', lastedSeconds: 5 })
  })

  it('goes on when the clock is set back, and reports a bounded number of causes', () => {
    const { time, seen, watch } = setUp()
    for (let cause = 0; cause < 1_000; cause += 1) watch.failed('store', String(cause))
    expect(seen).toHaveLength(10)
    time.now -= 500
    watch.succeeded()
    expect(seen.at(-1)).toMatchObject({ kind: 'upstream_recovered', lastedSeconds: 0 })
  })
})
