import type { AdminQuota, QuotaCaller } from '../../packages/auth/src/members/admin-quota.ts'

export type Lane = QuotaCaller['lane']

/** The bounds of a world of the admin quota. */
export interface QuotaWorldOptions {
  readonly name: string
  readonly about: string
  readonly perSecond: number
  /** The callers that come, in this order within their lane: `member 1` is of the lane `member`, with the key `1`. */
  readonly callers: readonly QuotaCaller[]
  /** The number of times that time passes to the next instant at which something can change. */
  readonly waits: number
  /** The number of times that half a second passes. */
  readonly halves: number
  /** The number of times that the admin API reports that the quota is used up. */
  readonly pauses: number
  /** The number of times that the clock is set back by an hour. */
  readonly setBacks: number
  /** The most refreshes that wait, and the most others. More are refused at once. */
  readonly maxWaiting: number
  /** The time for which refreshes wait, and the one for which the others wait, in seconds. */
  readonly waitSeconds: { readonly renewal: number; readonly others: number }
}

/** A caller that has asked for a place. */
export interface Asked {
  readonly caller: QuotaCaller
  readonly askedAt: number
  /** The number of places that each key of its lane was granted while it waited. */
  readonly passedBy: Map<string, number>
  outcome: 'waiting' | 'granting' | 'granted' | 'refused'
  free: (() => void) | undefined
  /** The real time of its answer. Its place rests for a second after that. */
  answeredAt: number | undefined
}

/** A timer of the quota. */
export interface Alarm {
  readonly at: number
  readonly run: () => void
}

/** A run under way. Times are in seconds. */
export interface Scene {
  readonly options: QuotaWorldOptions
  readonly left: { waits: number; halves: number; pauses: number; setBacks: number }
  quota: AdminQuota
  /** The time that has really passed. */
  now: number
  /** The clock minus that time. */
  clockOffset: number
  /** The end of the last pause, in the time that has really passed; 0 once the quota has seen that it is over. */
  pausedUntil: number
  /** As the quota may take it: after the clock was set back, the end of a pause is not known any more. */
  latestPauseEnd: number
  /** The last time at which a place may still rest because the clock was set back while it did. */
  restsUntil: number
  readonly alarms: Set<Alarm>
  /** In the order in which they asked. */
  readonly asked: Asked[]
  /** The callers that got places, the last one last. The quota remembers it. */
  served: readonly string[]
  /** The lanes that got places while members and strangers waited: they take turns. */
  contended: string
  /** Places in a row that members got while a stranger waited. */
  membersInARow: number
  /** The violation of a grant or a refusal. */
  broken: unknown
}

/** Returns the callers that have a place, or whose place rests. */
export function placesInUse({ asked, now }: Scene): readonly Asked[] {
  const isResting = (answeredAt: number | undefined) => now < (answeredAt ?? now) + restSeconds
  return asked.filter(({ outcome, answeredAt }) => outcome === 'granted' && isResting(answeredAt))
}

/** Returns the callers of a lane that wait. */
export function waitingIn({ asked }: Scene, lane: Lane): readonly Asked[] {
  return asked.filter(({ outcome, caller }) => outcome === 'waiting' && caller.lane === lane)
}

/** Returns the number of sign-ins and look-ups that wait. */
export function othersWaiting(scene: Scene): number {
  return waitingIn(scene, 'member').length + waitingIn(scene, 'stranger').length
}

/** The time for which a place may not be granted again after its answer: more than a second, less than the quota lets it rest. */
const restSeconds = 1.005

/** No pause lasts longer. */
export const longestPauseSeconds = 30

export const isOther = ({ caller }: Asked): boolean => caller.lane !== 'renewal'
