import { flagOf, positive, readFlags, requireWhole } from '../kit/flags.ts'

/** The assumptions, which nobody can measure beforehand, with their defaults. Each is a flag. */
const defaults = {
  liveShare: 0.3,
  sessionsPerMember: 1.2,
  peakShare: 0.25,
  refreshSeconds: 3300,
  sessionDays: 14,
  adminPerSecond: 24,
  coreShare: 0.5,
  leastInstances: 2,
  memoryHeadroom: 2,
  gibPerShard: 25,
  redisCopies: 2,
  vcpuHour: 0.04,
  gibHour: 0.015,
}

/** The assumptions that the table is computed from. */
export type Assumptions = Readonly<typeof defaults>

const meanings: { readonly [Name in keyof Assumptions]: string } = {
  liveShare: 'share of all members that have a live session',
  sessionsPerMember: 'sessions of each such member: browsers, devices',
  peakShare: 'share of the live sessions that are open in the busiest hour',
  refreshSeconds: 'seconds between two refreshes of an open session',
  sessionDays: 'days between two sign-ins of a member on one device',
  adminPerSecond: 'most requests a second to the admin API, from all instances together',
  coreShare: 'share of a core that an instance, or a Redis, may use at the peak',
  leastInstances: 'smallest number of instances',
  memoryHeadroom:
    'memory of Redis, as a multiple of what the sessions take: Redis copies memory while it saves',
  gibPerShard: 'most GiB for one Redis; above it a Cluster is needed',
  redisCopies: 'Redis processes for each shard: a master and its replicas',
  vcpuHour: 'price of a vCPU for an hour: an example, replace it with your own',
  gibHour: 'price of a GiB of Redis for an hour: an example, replace it with your own',
}

/** The flags of the program. */
export interface SizingOptions {
  readonly assumed: Assumptions
  readonly members: readonly number[]
  /** The number of sessions in Redis. */
  readonly sessions: number
  /** Refreshes whose CPU is measured. */
  readonly refreshes: number
}

/** Reads the flags. @throws TypeError for an unknown one, and for a value that is not valid */
export function readOptions(args: readonly string[]): SizingOptions {
  const others = { members: '10000,100000,1000000,10000000,100000000', sessions: 100_000, refreshes: 4_000 }
  const { members, sessions, refreshes, ...assumed } = readFlags({ ...defaults, ...others }, args)
  requireWhole({ '--sessions': sessions, '--refreshes': refreshes })
  return {
    assumed,
    members: members.split(',').map((text) => positive('--members', text)),
    sessions,
    refreshes,
  }
}

/** Returns one row for each: the flag with its value, and its meaning. */
export function describeAssumptions(assumed: Assumptions): readonly (readonly [string, string])[] {
  const values: Readonly<Record<string, number>> = assumed
  return Object.entries(meanings).map(([name, meaning]) => [`\`--${flagOf(name)} ${values[name]}\``, meaning])
}
