import type { Assumptions } from './assumptions.ts'

/** The figures that were measured in the same run. */
export interface Measured {
  /** The memory of Redis for one session, with its entry in the member's index. */
  readonly bytesPerSession: number
  /** CPU seconds of the service for a refresh that asks the admin API. */
  readonly askedCpuSeconds: number
  /** CPU seconds of the service for a refresh that finds the quota used up and uses the last known answer. */
  readonly unaskedCpuSeconds: number
  /** CPU seconds of Redis for a refresh. */
  readonly redisCpuSeconds: number
  /** Commands that a refresh sends to Redis. */
  readonly commandsPerRefresh: number
  /** Requests to the admin API that a sign-in makes. */
  readonly adminPerSignIn: number
}

/** The needs of a number of members. */
export interface Size {
  readonly members: number
  readonly liveSessions: number
  readonly refreshesPerSecond: number
  readonly signInsPerSecond: number
  readonly commandsPerSecond: number
  readonly instances: number
  /** The memory of the sessions, in GiB, without headroom. */
  readonly sessionsGib: number
  readonly shards: number
  /** The cores that Redis uses at the peak, all shards together. */
  readonly redisCores: number
  /** The share of the refreshes at the peak that the quota lets ask. */
  readonly askShare: number
  /** Hours between two membership checks of an open session; Infinity if sign-ins need all of the quota. */
  readonly checkedEveryHours: number
  /** The `MEMBER_STALE_SECONDS` with which one refresh in 10,000 finds its last known answer too old. */
  readonly staleSeconds: number
  /** The number of addresses that could check every session at each refresh. */
  readonly addresses: number
  readonly costPerMonth: number
}

const daySeconds = 86_400
const hoursPerMonth = 730
const bytesPerGib = 2 ** 30
/** The share of refreshes that may find the last known answer too old. */
const rarely = 1 / 10_000
/** The default of `MEMBER_STALE_SECONDS`. */
const usualStaleSeconds = 3600

/** Computes the needs of a number of members at the busiest hour. */
export function sizeOf(members: number, assumed: Assumptions, measured: Measured): Size {
  const liveSessions = members * assumed.liveShare * assumed.sessionsPerMember
  const refreshesPerSecond = (liveSessions * assumed.peakShare) / assumed.refreshSeconds
  const signInsPerSecond = liveSessions / (assumed.sessionDays * daySeconds)
  const redisCores = refreshesPerSecond * measured.redisCpuSeconds
  const sessionsGib = (liveSessions * measured.bytesPerSession) / bytesPerGib
  const quota = quotaOf({ refreshesPerSecond, signInsPerSecond }, assumed, measured)
  const cpuSeconds =
    quota.askShare * measured.askedCpuSeconds + (1 - quota.askShare) * measured.unaskedCpuSeconds
  const busyCores = (refreshesPerSecond * cpuSeconds) / assumed.coreShare
  const machines = {
    instances: Math.max(assumed.leastInstances, Math.ceil(busyCores)),
    shards: Math.max(
      Math.ceil((sessionsGib * assumed.memoryHeadroom) / assumed.gibPerShard),
      Math.ceil(redisCores / assumed.coreShare),
    ),
  }
  return {
    members,
    liveSessions,
    refreshesPerSecond,
    signInsPerSecond,
    commandsPerSecond: refreshesPerSecond * measured.commandsPerRefresh,
    sessionsGib,
    redisCores,
    ...machines,
    ...quota,
    costPerMonth: costOf(machines, sessionsGib, assumed),
  }
}

/** Divides the quota: sign-ins come first, since they cannot do without it; the rest is for the checks at refreshes. */
function quotaOf(
  { refreshesPerSecond, signInsPerSecond }: Pick<Size, 'refreshesPerSecond' | 'signInsPerSecond'>,
  { adminPerSecond, refreshSeconds }: Assumptions,
  { adminPerSignIn }: Measured,
): Pick<Size, 'askShare' | 'checkedEveryHours' | 'staleSeconds' | 'addresses'> {
  const wanted = refreshesPerSecond + signInsPerSecond * adminPerSignIn
  const left = Math.max(0, adminPerSecond - signInsPerSecond * adminPerSignIn)
  const askShare = Math.min(1, left / refreshesPerSecond)
  const checkedEverySeconds = refreshSeconds / askShare
  return {
    askShare,
    checkedEveryHours: checkedEverySeconds / 3600,
    staleSeconds: staleSecondsOf(askShare, refreshSeconds),
    addresses: Math.ceil(wanted / adminPerSecond),
  }
}

/** Returns a time in which a session almost never finds the quota used up at each of its refreshes. */
function staleSecondsOf(askShare: number, refreshSeconds: number): number {
  if (askShare === 0) return Infinity
  return Math.max(usualStaleSeconds, (Math.log(rarely) / Math.log(1 - askShare)) * refreshSeconds)
}

function costOf(
  { instances, shards }: Pick<Size, 'instances' | 'shards'>,
  sessionsGib: number,
  { redisCopies, memoryHeadroom, vcpuHour, gibHour }: Assumptions,
): number {
  const vcpus = instances + shards * redisCopies
  // The smallest one that is offered.
  const gib = Math.max(1, sessionsGib * memoryHeadroom) * redisCopies
  return (vcpus * vcpuHour + gib * gibHour) * hoursPerMonth
}
