import { describe, expect, it } from 'vitest'
import { systemClock } from '../src/base/time.js'
import {
  createAdminQuota,
  renewal,
  type AdminPlace,
  type AdminQuota,
  type QuotaCaller,
} from '../src/members/index.js'
import type { Store } from '../src/stores/store.js'

/** The stores of two instances, empty at the beginning of each test. */
export interface QuotaWorld {
  readonly stores: () => readonly [Store, Store]
}

const perSecond = 8
const stranger = (key: string): QuotaCaller => ({ lane: 'stranger', key })
const member = (key: string): QuotaCaller => ({ lane: 'member', key })

/** The rules of a quota that instances share, which every store with `shareAdminQuota` keeps. */
export function describeSharedQuota(name: string, { stores }: QuotaWorld): void {
  const open = (egress = 'default') =>
    stores().map((store): AdminQuota => {
      // This process has room for more, so that the shared places decide.
      const local = createAdminQuota({ clock: systemClock, perSecond: 1_000 })
      const shared = store.shareAdminQuota?.(local, egress, { perSecond })
      if (!shared) throw new Error('this store shares no quota')
      return shared
    })
  /** Both instances ask `count` times each, all at once. Returns the places that were granted. */
  const takeAll = async (count: number, caller: QuotaCaller = renewal, egress?: string) => {
    const quotas = open(egress)
    const places = Array.from({ length: count }, () => quotas.map((quota) => quota.take(0, caller))).flat()
    return (await Promise.all(places)).filter(({ kind }) => kind === 'granted')
  }
  const free = (places: readonly AdminPlace[]) => {
    for (const place of places) if (place.kind === 'granted') place.free()
  }

  describe(`the admin quota of all instances, ${name}`, () => {
    it('is one of the given size, though two instances ask for all of it at once', async () => {
      expect(await takeAll(perSecond)).toHaveLength(perSecond)
      expect(await takeAll(1)).toEqual([])
    })

    it('is one for each address that Memberstack is called from', async () => {
      expect(await takeAll(perSecond, renewal, 'north')).toHaveLength(perSecond)
      expect(await takeAll(1, renewal, 'south')).toHaveLength(2)
    })

    it('rests for those of one address when Memberstack says that address is too quick', async () => {
      open('north')[0]?.pause(30)
      await expect.poll(() => takeAll(1, renewal, 'north')).toEqual([])
      expect(await takeAll(1, renewal, 'south')).toHaveLength(2)
    })

    it('gives a place again a second after its answer, to a caller that waits for it', async () => {
      free(await takeAll(perSecond))
      expect(await takeAll(1)).toEqual([])
      const waited = await Promise.all(open().map((quota) => quota.take(5)))
      expect(waited.map(({ kind }) => kind)).toEqual(['granted', 'granted'])
    })

    it.each(['stranger', 'member'] as const)(
      'leaves half of its places to refreshes and webhooks, however many of lane %s ask',
      async (lane) => {
        const others = await Promise.all(
          Array.from({ length: perSecond }, (_, index) => takeAll(1, { lane, key: `203.0.113.${index}` })),
        )
        expect(others.flat()).toHaveLength(perSecond / 2)
        expect(await takeAll(perSecond)).toHaveLength(perSecond / 2)
      },
    )

    it('leaves a quarter of its places to sign-ins that want some, however many refreshes ask', async () => {
      const refreshes = await takeAll(perSecond)
      expect(await takeAll(1, member('203.0.113.1'))).toEqual([])
      free(refreshes)
      const held = { refreshes: 0, signIns: 0 }
      const askAgain = async () => {
        held.refreshes += (await takeAll(perSecond)).length
        held.signIns += (await takeAll(1, member('203.0.113.1'))).length
        return held.refreshes + held.signIns
      }
      await expect.poll(askAgain, { timeout: 8_000 }).toBe(perSecond)
      expect(held.signIns).toBeGreaterThanOrEqual(perSecond / 4)
    })

    it('gives callers of sign-ins equal shares: one address does not take the places of another', async () => {
      const [one] = open()
      if (!one) throw new Error('no instance')
      const take = async (key: string) => Number((await one.take(0, stranger(key))).kind === 'granted')
      free(await takeAll(perSecond, stranger('203.0.113.1')))
      const held = { many: 0, few: 0 }
      const askAgain = async () => {
        for (let times = 0; times < 3; times++) held.many += await take('203.0.113.1')
        held.few += await take('203.0.113.2')
        return held.many + held.few
      }
      await expect.poll(askAgain, { timeout: 8_000 }).toBe(perSecond / 2)
      expect(held).toEqual({ many: perSecond / 4, few: perSecond / 4 })
    })
  })
}
