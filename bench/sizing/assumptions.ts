import { flagOf, positive, readFlags, requireWhole } from '../kit/flags.ts'

/** The assumptions, which nobody can measure beforehand, with their defaults. Each is a flag. */
const assumptions = {
  liveShare: [0.3, 'share of all members that have a live session'],
  sessionsPerMember: [1.2, 'sessions of each such member: browsers, devices'],
  peakShare: [0.25, 'share of the live sessions that are open in the busiest hour'],
  refreshSeconds: [3300, 'seconds between two refreshes of an open session'],
  sessionDays: [14, 'days between two sign-ins of a member on one device'],
  adminPerSecond: [24, 'most requests a second to the admin API, from all instances together'],
  coreShare: [0.5, 'share of a core that an instance, or a Redis, may use at the peak'],
  leastInstances: [2, 'smallest number of instances'],
  memoryHeadroom: [
    2,
    'memory of Redis, as a multiple of what the sessions take: Redis copies memory while it saves',
  ],
  gibPerShard: [25, 'most GiB for one Redis; above it a Cluster is needed'],
  redisCopies: [2, 'Redis processes for each shard: a master and its replicas'],
  vcpuHour: [0.04, 'price of a vCPU for an hour: an example, replace it with your own'],
  gibHour: [0.015, 'price of a GiB of Redis for an hour: an example, replace it with your own'],
} satisfies Record<string, readonly [number, string]>

/** The assumptions that the table is computed from. */
export type Assumptions = Readonly<Record<keyof typeof assumptions, number>>

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
  const defaults = Object.entries(assumptions).map(([name, [value]]) => [name, value])
  const { members, sessions, refreshes, ...assumed } = readFlags(
    {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `Object.fromEntries` forgets the names
      ...(Object.fromEntries(defaults) as Assumptions),
      members: '10000,100000,1000000,10000000,100000000',
      sessions: 100_000,
      refreshes: 4_000,
    },
    args,
  )
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
  return Object.entries(assumptions).map(([name, [, meaning]]) => [
    `\`--${flagOf(name)} ${values[name]}\``,
    meaning,
  ])
}
