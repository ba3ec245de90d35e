import { systemTimer, type Clock, type Timer } from '../base/time.js'
import { createAdminQueue, type AdminPlace, type AdminQueue, type QuotaCaller } from './admin-queue.js'

export type { AdminPlace, QuotaCaller } from './admin-queue.js'

/** The caller of refreshes and webhooks. */
export const renewal: QuotaCaller = { lane: 'renewal', key: '' }

/** The quota of the admin API: 25 requests in a second for one address. */
export interface AdminQuota {
  /** Waits for a place, for `waitSeconds` at most. @defaultValue the caller of refreshes and webhooks */
  take(waitSeconds: number, caller?: QuotaCaller): Promise<AdminPlace>
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
  /** `none` where there are no refreshes and webhooks that read members. @defaultValue `half` of the places */
  readonly reserved?: 'half' | 'none' | undefined
  /** More waiting callers than this are refused at once. @defaultValue 1000 */
  readonly maxWaiting?: number | undefined
}

/** The places that all but refreshes and webhooks may have. */
export interface OtherPlaces {
  /** The others never have more. */
  readonly most: number
  /** While others wait, refreshes and webhooks leave them so many. */
  readonly least: number
}

/** Half of the places are for refreshes and webhooks alone. A quarter is left to sign-ins, however many sessions are refreshed. */
export function otherPlacesOf(perSecond: number, reserved: 'half' | 'none' = 'half'): OtherPlaces {
  const most = reserved === 'none' ? perSecond : perSecond - Math.floor(perSecond / 2)
  return { most, least: Math.min(most, Math.floor(perSecond / 4)) }
}

/** A millisecond for the resolution of each clock, and some more for the timer. */
const restSeconds = 1.01
const longestPauseSeconds = 30

/**
 * A quota for one process. A place rests for a second after its *answer*, not after its start: the server met the request
 * somewhere between the two, so two requests on one place are a full second apart there, however the network delays them.
 */
export function createAdminQuota(options: AdminQuotaOptions): AdminQuota {
  const { clock, timer = systemTimer, perSecond = 24, maxWaiting = 1000, reserved } = options
  const gate = createGate(perSecond)
  const queue = createAdminQueue(timer, maxWaiting)
  const nextLane = createTurns(queue, otherPlacesOf(perSecond, reserved))
  const isFree = (lane: Lane, now: number) =>
    queue.waiting(lane) === 0 && gate.isOpen(now) && nextLane(gate.others(), lane) === lane
  const nextIn = (now: number) => (gate.isOpen(now) ? nextLane(gate.others()) : undefined)
  let cancelWake = () => {}

  const refused = (now: number) => refusedPlace(Math.max(gate.closedFor(now), queue.size() / perSecond))

  function grant(lane: Lane): AdminPlace {
    gate.enter(lane)
    return grantedPlace(() => {
      gate.leave(lane, clock())
      serve()
    })
  }

  function serve(): void {
    cancelWake()
    const now = clock()
    for (let lane = nextIn(now); lane; lane = nextIn(now)) queue.serveNext(lane, grant(lane))
    const nextAt = queue.size() > 0 ? gate.changesAt(now) : undefined
    cancelWake = nextAt === undefined ? () => {} : timer(nextAt - now, serve)
  }

  return {
    async take(waitSeconds, caller = renewal) {
      const now = clock()
      if (isFree(caller.lane, now)) return (queue.noteServed(caller), grant(caller.lane))
      if (waitSeconds <= 0 || gate.closedFor(now) >= waitSeconds) return refused(now)
      const turn = queue.join(caller, waitSeconds, () => refused(clock()))
      serve()
      return await turn
    },
    pause(seconds) {
      gate.close(clock() + Math.min(Math.max(seconds, 0), longestPauseSeconds))
      serve()
    },
  }
}

type Lane = QuotaCaller['lane']

/**
 * Creates the function that returns the lane whose turn it is, or undefined if nobody who waits may have a place now. `arriving`
 * counts as one who waits. Members whose token is verified come before strangers, who get every fourth turn at least.
 */
function createTurns(
  queue: Pick<AdminQueue, 'waiting'>,
  { most, least }: OtherPlaces,
): (othersInUse: number, arriving?: Lane) => Lane | undefined {
  let turn = 0
  const nextOther = (isMember: boolean, isStranger: boolean): Lane | undefined => {
    if (!isMember || !isStranger) return isMember ? 'member' : isStranger ? 'stranger' : undefined
    turn = (turn + 1) % 4
    return turn === 0 ? 'stranger' : 'member'
  }
  return (othersInUse, arriving) => {
    const isWaiting = (lane: Lane) => lane === arriving || queue.waiting(lane) > 0
    const [isMember, isStranger] = [isWaiting('member'), isWaiting('stranger')]
    const leavesSome = (isMember || isStranger) && othersInUse < least
    if (isWaiting('renewal') && !leavesSome) return 'renewal'
    return othersInUse < most ? nextOther(isMember, isStranger) : undefined
  }
}

function refusedPlace(seconds: number): AdminPlace {
  return { kind: 'refused', retryAfterSeconds: Math.max(1, Math.ceil(seconds)) }
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

interface Resting {
  readonly at: number
  readonly lane: Lane
}

function boundedBy(resting: Resting[], latest: number): Resting[] {
  if ((resting.at(-1)?.at ?? 0) <= latest) return resting
  return resting.map(({ at, lane }) => ({ at: Math.min(at, latest), lane }))
}

function createGate(places: number) {
  const inUse: Record<Lane, number> = { renewal: 0, member: 0, stranger: 0 }
  /** The answered places, and the times at which they may be used again, oldest first. */
  let resting: Resting[] = []
  let closedUntil = 0
  const others = () => inUse.member + inUse.stranger
  const isFull = () => inUse.renewal + others() >= places

  /** A clock that was set back must not turn seconds into hours, so every instant is bounded anew. */
  function catchUp(now: number): void {
    resting = boundedBy(resting, now + restSeconds)
    closedUntil = closedUntil <= now ? 0 : Math.min(closedUntil, now + longestPauseSeconds)
    while (resting[0] !== undefined && resting[0].at <= now) {
      inUse[resting[0].lane] -= 1
      resting.shift()
    }
  }

  return {
    isOpen(now: number): boolean {
      catchUp(now)
      return now >= closedUntil && !isFull()
    },
    /** The number of places that are in use by others than refreshes and webhooks. */
    others,
    /** Returns the next time at which a place becomes free; undefined while all that are in use wait for their answers. */
    changesAt(now: number): number | undefined {
      catchUp(now)
      const restedAt = resting[0]?.at
      if (now < closedUntil) return isFull() ? restedAt && Math.max(restedAt, closedUntil) : closedUntil
      return restedAt
    },
    closedFor: (now: number): number => (catchUp(now), Math.max(0, closedUntil - now)),
    enter(lane: Lane): void {
      inUse[lane] += 1
    },
    leave(lane: Lane, now: number): void {
      resting.push({ at: now + restSeconds, lane })
    },
    close(until: number): void {
      closedUntil = Math.max(closedUntil, until)
    },
  }
}
