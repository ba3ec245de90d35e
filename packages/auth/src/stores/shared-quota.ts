import { sleep } from '../base/time-limit.js'
import { renewal, type AdminPlace, type AdminQuota, type QuotaCaller } from '../members/index.js'

/** The places of one address that all its instances share. */
export interface SharedPlaces {
  /**
   * Takes a place for a request of this id. Returns 0 if it was taken, or the milliseconds after which to ask again. Rejects if
   * the store is away.
   */
  take(id: string, caller: QuotaCaller): Promise<number>
  /** Frees a place a second after its answer. If this fails, the place is free when its holder counts as dead. */
  rest(id: string, caller: QuotaCaller): void
  /** Grants no place for so many milliseconds. */
  pause(ms: number): void
}

/** The time after which the place of a holder that has not freed it is free. It is longer than any request to the admin API. */
export const lostPlaceMs = 15_000

/** The time for which a caller counts as one that wants a place, after it asked for one. */
export const wantedMs = 1_500

const longestPauseSeconds = 30

type Granted = Extract<AdminPlace, { kind: 'granted' }>

/**
 * Creates one quota for all instances of one address. A caller first takes a place of its own process, so that few ask the
 * store at once, and then a shared one. While the store is away each instance keeps to its own quota. If they are too many
 * together, the admin API answers 429 and all pause.
 * @param local - the quota of this process: the queue of its callers
 */
export function createSharedQuota(local: AdminQuota, places: SharedPlaces): AdminQuota {
  const takeShared = async (own: Granted, untilMs: number, caller: QuotaCaller): Promise<AdminPlace> => {
    const id = crypto.randomUUID()
    for (;;) {
      const waitMs = await places.take(id, caller).catch(() => null)
      if (waitMs === null) return own
      if (waitMs === 0) return both(own, () => places.rest(id, caller))
      if (performance.now() + waitMs > untilMs) {
        own.free()
        return { kind: 'refused', retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) }
      }
      await sleep((waitMs * (1 + Math.random() / 4)) / 1000)
    }
  }
  return {
    async take(waitSeconds, caller = renewal) {
      const untilMs = performance.now() + waitSeconds * 1000
      const own = await local.take(waitSeconds, caller)
      return own.kind === 'granted' ? await takeShared(own, untilMs, caller) : own
    },
    pause(seconds) {
      local.pause(seconds)
      const ms = Math.ceil(Math.min(Math.max(seconds, 0), longestPauseSeconds) * 1000)
      if (ms > 0) places.pause(ms)
    },
  }
}

function both(own: Granted, freeShared: () => void): Granted {
  let isHeld = true
  return {
    kind: 'granted',
    free() {
      if (!isHeld) return
      isHeld = false
      own.free()
      freeShared()
    },
  }
}
