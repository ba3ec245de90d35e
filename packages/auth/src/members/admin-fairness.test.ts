import { describe, expect, it } from 'vitest'
import { createFakeTime, type FakeTime } from '../../test/kit/fake-time.js'
import { createAdminQuota, otherPlacesOf, renewal, type AdminQuota, type QuotaCaller } from './admin-quota.js'

const stranger = (key: string): QuotaCaller => ({ lane: 'stranger', key })
const member = (key: string): QuotaCaller => ({ lane: 'member', key })

/** Keeps `rate` callers a second coming for `seconds`, and counts what they get. */
function flood(time: FakeTime, quota: AdminQuota, callers: readonly QuotaCaller[], seconds: number) {
  const got = { granted: 0, refused: 0 }
  const perCaller = 200 / callers.length
  for (const caller of callers) {
    for (let index = 0; index < perCaller * seconds; index++) {
      time.timer(index / perCaller, () => {
        void quota.take(5, caller).then((place) => {
          got[place.kind] += 1
          return place.kind === 'granted' && time.timer(0.05, () => place.free())
        })
      })
    }
  }
  return got
}

/** Asks at these times, and returns what each caller got and how long it waited, in seconds. */
function arrivals(
  time: FakeTime,
  quota: AdminQuota,
  callers: readonly QuotaCaller[],
  { waitSeconds, every }: { readonly waitSeconds: number; readonly every: number },
) {
  const outcomes: { readonly kind: string; readonly waited: number }[] = []
  callers.forEach((caller, index) => {
    time.timer(2 + index * every, () => {
      const from = time.clock()
      void quota.take(waitSeconds, caller).then((place) => {
        outcomes.push({ kind: place.kind, waited: time.clock() - from })
        return place.kind === 'granted' && time.timer(0.05, () => place.free())
      })
    })
  })
  return outcomes
}

const addresses = (count: number) => Array.from({ length: count }, (_, index) => `192.0.2.${index}`)

describe.each([1, 50])('the quota beside 200 sign-ins a second from %i addresses', (count) => {
  const attackers = addresses(count).map((key) => stranger(`attacker ${key}`))

  it('grants a place to every refresh within its second', async () => {
    const time = createFakeTime(1_000)
    const quota = createAdminQuota(time)
    flood(time, quota, attackers, 20)
    const refreshes = arrivals(
      time,
      quota,
      Array.from({ length: 120 }, () => renewal),
      {
        waitSeconds: 1,
        every: 0.12,
      },
    )
    await time.pass(30)
    expect(refreshes).toHaveLength(120)
    expect(refreshes.filter(({ kind }) => kind === 'refused')).toEqual([])
  })

  it('grants twelve refreshes and webhooks at once', async () => {
    const time = createFakeTime(1_000)
    const quota = createAdminQuota(time)
    flood(time, quota, attackers, 5)
    const burst = arrivals(
      time,
      quota,
      Array.from({ length: 12 }, () => renewal),
      { waitSeconds: 1, every: 0 },
    )
    await time.pass(10)
    expect(burst.filter(({ kind, waited }) => kind === 'granted' && waited === 0)).toHaveLength(12)
  })

  it('grants each honest address its share of the sign-ins', async () => {
    const time = createFakeTime(1_000)
    const quota = createAdminQuota(time)
    const attack = flood(time, quota, attackers, 20)
    const honest = arrivals(time, quota, addresses(10).map(stranger), { waitSeconds: 5, every: 1 })
    await time.pass(40)
    expect(honest).toHaveLength(10)
    expect(honest.map(({ kind }) => kind)).toEqual(Array.from({ length: 10 }, () => 'granted'))
    // They do not wait behind the attackers, once each of those has had a place.
    expect(Math.max(...honest.slice(4).map(({ waited }) => waited))).toBeLessThan(1.1)
    // What is left over is used.
    expect(attack.granted).toBeGreaterThan(150)
  })

  it('grants a place to members whose JWT is verified before all that is not', async () => {
    const time = createFakeTime(1_000)
    const quota = createAdminQuota(time)
    flood(time, quota, attackers, 20)
    const honest = arrivals(time, quota, addresses(50).map(member), { waitSeconds: 5, every: 0.2 })
    await time.pass(40)
    expect(honest.filter(({ kind }) => kind === 'granted')).toHaveLength(50)
    expect(Math.max(...honest.map(({ waited }) => waited))).toBeLessThan(1.1)
  })
})

describe('the parts of the quota', () => {
  it.each([
    [24, 'half', { most: 12, least: 6 }],
    [24, 'none', { most: 24, least: 6 }],
    [1, 'half', { most: 1, least: 0 }],
    [2, 'half', { most: 1, least: 0 }],
    [5, 'half', { most: 3, least: 1 }],
  ] as const)('of %i places with %s reserved are %j for others', (perSecond, reserved, parts) => {
    expect(otherPlacesOf(perSecond, reserved)).toEqual(parts)
  })

  it('leave sign-ins a quarter, however many sessions are refreshed', async () => {
    const time = createFakeTime(1_000)
    const quota = createAdminQuota(time)
    flood(time, quota, [renewal], 20)
    const signIns = arrivals(time, quota, addresses(50).map(stranger), { waitSeconds: 5, every: 0.2 })
    await time.pass(40)
    expect(signIns.filter(({ kind }) => kind === 'granted')).toHaveLength(50)
  })

  it('are all for refreshes while nobody else waits', async () => {
    const time = createFakeTime(1_000)
    const quota = createAdminQuota(time)
    const kinds = await Promise.all(Array.from({ length: 24 }, async () => (await quota.take(0)).kind))
    expect(new Set(kinds)).toEqual(new Set(['granted']))
  })

  it('are never more than half for sign-ins, also while nobody else waits', async () => {
    const time = createFakeTime(1_000)
    const quota = createAdminQuota(time)
    const take = async (index: number) => (await quota.take(0, stranger(`${index}`))).kind
    const kinds = await Promise.all(Array.from({ length: 24 }, (_, index) => take(index)))
    expect(kinds.filter((kind) => kind === 'granted')).toHaveLength(12)
  })
})

describe('the queue', () => {
  it('has room for an address that comes when others have filled it', async () => {
    const time = createFakeTime(1_000)
    const quota = createAdminQuota({ ...time, perSecond: 2, maxWaiting: 100 })
    const kinds: string[] = []
    const ask = (key: string) =>
      void quota.take(100, stranger(key)).then((place) => {
        kinds.push(`${key} ${place.kind}`)
        return place.kind === 'granted' && place.free()
      })
    for (let index = 0; index < 300; index++) ask(index % 2 === 0 ? 'one' : 'two')
    ask('honest')
    await time.pass(5)
    expect(kinds).toContain('honest granted')
    // The one that it displaced was of the address with the most callers.
    expect(kinds.filter((kind) => kind.endsWith('refused')).length).toBeGreaterThanOrEqual(200)
    expect(kinds.filter((kind) => kind === 'honest refused')).toEqual([])
  })

  it('never keeps a refresh out for strangers', async () => {
    const time = createFakeTime(1_000)
    const quota = createAdminQuota({ ...time, perSecond: 4, maxWaiting: 10 })
    for (let index = 0; index < 100; index++) void quota.take(100, stranger(`${index}`))
    const renewals = Array.from({ length: 8 }, () => quota.take(100))
    let granted = 0
    for (const turn of renewals)
      void turn.then((place) => {
        if (place.kind === 'granted') granted += 1
        return place.kind === 'granted' && place.free()
      })
    await time.pass(10)
    expect(granted).toBe(8)
  })
})
