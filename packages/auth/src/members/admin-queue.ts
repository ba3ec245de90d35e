import type { Timer } from '../base/time.js'

/** A place in the quota, or the time to try again. */
export type AdminPlace =
  /** Ask now, and call `free` once the answer is in or given up. */
  | { readonly kind: 'granted'; free(): void }
  | { readonly kind: 'refused'; readonly retryAfterSeconds: number }

/** The party that needs a place. It decides who waits for whom. */
export interface QuotaCaller {
  /**
   * `renewal`: refreshes and webhooks, for which places are reserved. `member`: a member whose token is verified, at a sign-in
   * or for the user context. `stranger`: a sign-in whose member JWT only the admin API can verify.
   */
  readonly lane: LaneName
  /**
   * The callers of one lane take turns by this key: the address of the caller, or the member. The key that had no place for the
   * longest time comes first.
   */
  readonly key: string
}

type LaneName = 'renewal' | 'member' | 'stranger'

/** The callers that wait for a place in the quota. Those of one lane take turns by their keys. */
export interface AdminQueue {
  size(): number
  /** Waits for a place. Resolves with `refused()` when the time is over, or if the queue has no room for this caller. */
  join(caller: QuotaCaller, waitSeconds: number, refused: () => AdminPlace): Promise<AdminPlace>
  /** Returns the number of callers that wait in this lane. */
  waiting(lane: LaneName): number
  serveNext(lane: LaneName, place: AdminPlace): void
  /** Notes that this caller has a place. Those of its key now come after all others of the lane. */
  noteServed(caller: QuotaCaller): void
}

/** More callers of one address or member than this are refused at once: they could not be served in time. */
const mostOfOneKey = 100

/**
 * Creates a queue with room for `maxWaiting` refreshes and webhooks, and for as many others. When the others are too many, one
 * that comes displaces the last sign-in of the address with the most of them.
 */
export function createAdminQueue(timer: Timer, maxWaiting: number): AdminQueue {
  const lanes = { renewal: createLane(), member: createLane(), stranger: createLane() }
  const others = () => lanes.member.size() + lanes.stranger.size()

  const makeRoom = ({ lane, key }: QuotaCaller): boolean => {
    if (lane === 'renewal') return lanes.renewal.size() < maxWaiting
    const own = lanes[lane].of(key).length
    if (own >= mostOfOneKey) return false
    if (others() < maxWaiting) return true
    const displaced = lanes.stranger.longest()
    const last = displaced.at(-1)
    if (!last || (lane === 'stranger' && displaced.length <= own + 1)) return false
    last.leave(last.refused())
    return true
  }
  return {
    size: () => lanes.renewal.size() + others(),
    waiting: (lane) => lanes[lane].size(),
    join(caller, waitSeconds, refused) {
      if (!makeRoom(caller)) return Promise.resolve(refused())
      const lane = lanes[caller.lane]
      return new Promise((resolve) => {
        const leave = (place: AdminPlace) => {
          cancelExpiry()
          lane.remove(caller.key, waiter)
          resolve(place)
        }
        const waiter: Waiter = { leave, refused }
        const cancelExpiry = timer(waitSeconds, () => leave(refused()))
        lane.add(caller.key, waiter)
      })
    },
    serveNext: (lane, place) => lanes[lane].serveNext(place),
    noteServed: ({ lane, key }) => lanes[lane].noteServed(key),
  }
}

interface Waiter {
  readonly leave: (place: AdminPlace) => void
  readonly refused: () => AdminPlace
}

/**
 * Creates a lane: the callers of each key. A key that comes for the first time does not wait behind those that had places before,
 * however many they are.
 */
function createLane() {
  const byKey = new Map<string, readonly Waiter[]>()
  const turns = createTurnsOfKeys()
  let count = 0
  const put = (key: string, waiters: readonly Waiter[]) => {
    if (waiters.length > 0) byKey.set(key, waiters)
    else byKey.delete(key)
  }
  const of = (key: string) => byKey.get(key) ?? []
  return {
    size: () => count,
    of,
    add(key: string, waiter: Waiter): void {
      put(key, [...of(key), waiter])
      count += 1
    },
    remove(key: string, waiter: Waiter): void {
      put(
        key,
        of(key).filter((other) => other !== waiter),
      )
      count -= 1
    },
    noteServed: (key: string) => turns.note(key),
    serveNext(place: AdminPlace): void {
      const key = turns.next(byKey)
      if (key === undefined) return
      turns.note(key)
      of(key)[0]?.leave(place)
    },
    /** Returns the callers of the key that has the most of them. */
    longest(): readonly Waiter[] {
      let most: readonly Waiter[] = []
      for (const waiters of byKey.values()) if (waiters.length > most.length) most = waiters
      return most
    },
  }
}

/** The most keys whose last place is remembered. */
const mostRemembered = 10_000

/** Creates the memory of the keys that had places. The one that had none, or the oldest, is next. */
function createTurnsOfKeys() {
  /** The keys that had places, least recently first. */
  const served = new Set<string>()
  return {
    note(key: string): void {
      served.delete(key)
      served.add(key)
      for (const oldest of served) {
        if (served.size <= mostRemembered) return
        served.delete(oldest)
      }
    },
    next(waiting: ReadonlyMap<string, unknown>): string | undefined {
      for (const key of waiting.keys()) if (!served.has(key)) return key
      for (const key of served) if (waiting.has(key)) return key
      return undefined
    },
  }
}
