import { systemTimer, type Clock, type Timer } from '../base/time.js'

/** A place in the quota, or the time to try again. */
export type AdminPlace =
  /** Ask now, and call `free` once the answer is in or given up. */
  | { readonly kind: 'granted'; free(): void }
  | { readonly kind: 'refused'; readonly retryAfterSeconds: number }

/** The quota of the admin API: 25 requests in a second for one address. */
export interface AdminQuota {
  /** Waits for a place, first come first served, for `waitSeconds` at most. */
  take(waitSeconds: number): Promise<AdminPlace>
  /** Grants no place for so many seconds: the admin API reports that the quota is used up (another program shares the address). */
  pause(seconds: number): void
}

/** Options of {@link createAdminQuota}. */
export interface AdminQuotaOptions {
  readonly clock: Clock
  /** @defaultValue the machine's */
  readonly timer?: Timer | undefined
  /** The most requests in any second. @defaultValue 24: one is left to people and to other programs */
  readonly perSecond?: number | undefined
  /** More waiting callers than this are refused at once. @defaultValue 1000 */
  readonly maxWaiting?: number | undefined
}

/** A millisecond for the resolution of each clock, and some more for the timer. */
const restSeconds = 1.01
const longestPauseSeconds = 30

/**
 * A quota for one process. A place rests for a second after its *answer*, not after its start: the server met the request
 * somewhere between the two, so two requests on one place are a full second apart there, however the network delays them.
 */
export function createAdminQuota(options: AdminQuotaOptions): AdminQuota {
  const { clock, timer = systemTimer, perSecond = 24, maxWaiting = 1000 } = options
  const gate = createGate(perSecond)
  const queue = createQueue(timer)
  let cancelWake = () => {}

  const refused = (now: number): AdminPlace => ({
    kind: 'refused',
    retryAfterSeconds: Math.max(1, Math.ceil(Math.max(gate.closedFor(now), queue.size() / perSecond))),
  })

  function grant(): AdminPlace {
    gate.enter()
    return grantedPlace(() => {
      gate.leave(clock())
      serve()
    })
  }

  function serve(): void {
    cancelWake()
    const now = clock()
    while (queue.size() > 0 && gate.isOpen(now)) queue.serveNext(grant())
    const nextAt = gate.opensAt(now)
    cancelWake = queue.size() > 0 && nextAt !== undefined ? timer(nextAt - now, serve) : () => {}
  }

  return {
    async take(waitSeconds) {
      const now = clock()
      if (queue.size() === 0 && gate.isOpen(now)) return grant()
      const isHopeless = waitSeconds <= 0 || queue.size() >= maxWaiting || gate.closedFor(now) >= waitSeconds
      if (isHopeless) return refused(now)
      const turn = queue.join(waitSeconds, () => refused(clock()))
      serve()
      return await turn
    },
    pause(seconds) {
      gate.close(clock() + Math.min(Math.max(seconds, 0), longestPauseSeconds))
      serve()
    },
  }
}

/** Returns a place that is freed once, however often `free` is called. */
function grantedPlace(release: () => void): AdminPlace {
  let isHeld = true
  const free = () => {
    if (!isHeld) return
    isHeld = false
    release()
  }
  return { kind: 'granted', free }
}

/** Creates a queue: first come, first served, each caller for its own longest wait. */
function createQueue(timer: Timer) {
  const waiting = new Map<(place: AdminPlace) => void, () => void>()
  return {
    size: () => waiting.size,
    join: (waitSeconds: number, givenUp: () => AdminPlace) =>
      new Promise<AdminPlace>((resolve) => {
        const expire = () => {
          waiting.delete(resolve)
          resolve(givenUp())
        }
        waiting.set(resolve, timer(waitSeconds, expire))
      }),
    serveNext(place: AdminPlace): void {
      for (const [resolve, cancelExpiry] of waiting) {
        waiting.delete(resolve)
        cancelExpiry()
        resolve(place)
        return
      }
    },
  }
}

function createGate(places: number) {
  let inUse = 0
  /** The times at which answered places may be used again, oldest first. */
  let resting: number[] = []
  let closedUntil = 0

  /** A clock that was set back must not turn seconds into hours, so every instant is bounded anew. */
  function catchUp(now: number): void {
    const latest = now + restSeconds
    if ((resting.at(-1) ?? 0) > latest) resting = resting.map((at) => Math.min(at, latest))
    closedUntil = Math.min(closedUntil, now + longestPauseSeconds)
    while (resting[0] !== undefined && resting[0] <= now) {
      resting.shift()
      inUse -= 1
    }
  }

  return {
    isOpen(now: number): boolean {
      catchUp(now)
      return now >= closedUntil && inUse < places
    },
    /** Undefined while all places wait for their answers. */
    opensAt(now: number): number | undefined {
      catchUp(now)
      const freeAt = inUse < places ? now : resting[0]
      return freeAt === undefined ? undefined : Math.max(freeAt, closedUntil)
    },
    closedFor: (now: number): number => Math.max(0, closedUntil - now),
    enter(): void {
      inUse += 1
    },
    leave(now: number): void {
      resting.push(now + restSeconds)
    },
    close(until: number): void {
      closedUntil = Math.max(closedUntil, until)
    },
  }
}
