import { describe, expect, it } from 'vitest'
import { createAdminQuota, type AdminPlace } from './admin-quota.js'
import { createFakeTime } from '../../test/kit/fake-time.js'

type Granted = Extract<AdminPlace, { kind: 'granted' }>

function granted(place: AdminPlace): Granted {
  if (place.kind !== 'granted') throw new Error('a place was expected')
  return place
}

/** A generator of its own, so that every run is the same. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

/** The most arrivals in any window of one second. */
function densest(arrivals: readonly number[]): number {
  const sorted = [...arrivals].sort((a, b) => a - b)
  return Math.max(...sorted.map((from) => sorted.filter((at) => at >= from && at < from + 1).length))
}

describe('the admin quota', () => {
  it.each([1, 2, 3])(
    'never lets more than 24 of a thousand arrive in a second, however the network delays them (seed %i)',
    async (seed) => {
      const time = createFakeTime(1_000)
      const quota = createAdminQuota(time)
      const random = createRandom(seed)
      const arrivals: number[] = []
      const ask = async () => {
        const place = granted(await quota.take(3_000))
        // Mostly quick, at times slow on the way there, at times on the way back.
        const there = random() < 0.2 ? random() * 3 : random() * 0.02
        const back = random() < 0.2 ? random() * 3 : random() * 0.02
        time.timer(there, () => arrivals.push(time.clock()))
        time.timer(there + back, () => place.free())
      }
      const asked = Promise.all(Array.from({ length: 1_000 }, ask))
      await time.pass(3_000)
      await asked
      expect(arrivals).toHaveLength(1_000)
      expect(densest(arrivals)).toBeLessThanOrEqual(24)
      expect(time.pending()).toBe(0)
    },
  )

  it('serves a thousand in under a minute when answers are quick', async () => {
    const time = createFakeTime(1_000)
    const quota = createAdminQuota(time)
    let served = 0
    for (let index = 0; index < 1_000; index++) {
      void quota.take(100).then((place) => {
        served += 1
        return time.timer(0.05, () => granted(place).free())
      })
    }
    await time.pass(50)
    expect(served).toBe(1_000)
  })

  it('serves those who wait in the order they came', async () => {
    const time = createFakeTime(1_000)
    const quota = createAdminQuota({ ...time, perSecond: 1 })
    const order: string[] = []
    for (const name of ['first', 'second', 'third']) {
      void quota.take(100).then((place) => {
        order.push(name)
        return granted(place).free()
      })
    }
    await time.pass(10)
    expect(order).toEqual(['first', 'second', 'third'])
  })

  it('refuses after exactly the seconds somebody wants to wait, and says when to come again', async () => {
    const time = createFakeTime(1_000)
    const quota = createAdminQuota({ ...time, perSecond: 1 })
    await quota.take(0)
    let outcome: AdminPlace | undefined
    void quota.take(5).then((place) => (outcome = place))
    await time.pass(4.999)
    expect(outcome).toBeUndefined()
    await time.pass(0.001)
    expect(outcome).toEqual({ kind: 'refused', retryAfterSeconds: 1 })
    expect(time.pending()).toBe(0)
  })

  it('refuses at once those who do not want to wait, and those beyond the bound of the queue', async () => {
    const time = createFakeTime(1_000)
    const quota = createAdminQuota({ ...time, perSecond: 1, maxWaiting: 3 })
    const place = granted(await quota.take(0))
    expect(await quota.take(0)).toMatchObject({ kind: 'refused' })
    const waiting = [quota.take(5), quota.take(5), quota.take(5)]
    expect(await quota.take(5)).toEqual({ kind: 'refused', retryAfterSeconds: 3 })
    place.free()
    await time.pass(10)
    expect(await waiting[0]).toMatchObject({ kind: 'granted' })
  })

  it('frees a place once, however often it is asked to', async () => {
    const time = createFakeTime(1_000)
    const quota = createAdminQuota({ ...time, perSecond: 1 })
    const place = granted(await quota.take(0))
    place.free()
    place.free()
    await time.pass(2)
    granted(await quota.take(0))
    expect(await quota.take(0)).toMatchObject({ kind: 'refused' })
  })

  it('starts nothing while the admin API says that the quota is used up, and everything after that', async () => {
    const time = createFakeTime(1_000)
    const quota = createAdminQuota(time)
    quota.pause(3)
    let servedAt: number | undefined
    void quota.take(5).then(() => (servedAt = time.clock()))
    expect(await quota.take(1)).toEqual({ kind: 'refused', retryAfterSeconds: 3 })
    await time.pass(2.999)
    expect(servedAt).toBeUndefined()
    await time.pass(0.001)
    expect(servedAt).toBe(1_003)
  })

  it('pauses for half a minute at most, whatever the admin API asks for', async () => {
    const time = createFakeTime(1_000)
    const quota = createAdminQuota(time)
    quota.pause(86_400)
    await time.pass(30)
    expect(await quota.take(0)).toMatchObject({ kind: 'granted' })
  })

  it('is usable again within seconds after the clock was set back by an hour', async () => {
    const time = createFakeTime(10_000)
    const quota = createAdminQuota({ ...time, perSecond: 1 })
    granted(await quota.take(0)).free()
    time.setClock(6_400)
    const turn = quota.take(5)
    await time.pass(2)
    expect(await turn).toMatchObject({ kind: 'granted' })
  })

  it('sends nobody away for more than half a minute after the clock was set back in a pause', async () => {
    const time = createFakeTime(10_000)
    const quota = createAdminQuota(time)
    quota.pause(2)
    void quota.take(5)
    time.setClock(6_400)
    expect(await quota.take(5)).toEqual({ kind: 'refused', retryAfterSeconds: 30 })
  })

  it('does not begin a pause anew that was over when the clock was set back', async () => {
    const time = createFakeTime(10_000)
    const quota = createAdminQuota(time)
    quota.pause(2)
    await time.pass(2)
    granted(await quota.take(0))
    time.setClock(6_400)
    granted(await quota.take(0))
  })
})
