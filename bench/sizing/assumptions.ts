import { parseArgs } from 'node:util'

/** What nobody can measure beforehand, with its default; each is a flag. */
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

/** The values that the table is computed from. */
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

/** What the program was told. */
export interface SizingOptions {
  readonly assumed: Assumptions
  readonly members: readonly number[]
  /** Sessions that Redis is filled with. */
  readonly sessions: number
  /** Refreshes whose CPU is measured. */
  readonly refreshes: number
}

/** @throws TypeError for an unknown flag, or a value that is no number above 0 */
export function readOptions(args: readonly string[]): SizingOptions {
  const names = Object.entries(defaults)
  const { values } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      [
        ...names,
        ['members', '10000,100000,1000000,10000000,100000000'],
        ['sessions', 100_000],
        ['refreshes', 4_000],
      ].map(([name, fallback]) => [
        flagOf(String(name)),
        { type: 'string' as const, default: String(fallback) },
      ]),
    ),
  })
  const read = (name: string) => positive(name, String(values[flagOf(name)]))
  const given = names.map(([name]): [string, number] => [name, read(name)])
  return {
    assumed: { ...defaults, ...Object.fromEntries(given) },
    members: String(values['members'])
      .split(',')
      .map((text) => positive('members', text)),
    sessions: read('sessions'),
    refreshes: read('refreshes'),
  }
}

/** One row each: the flag with its value, and what that means. */
export function describeAssumptions(assumed: Assumptions): readonly (readonly [string, string])[] {
  return Object.entries(meanings).map(([name, meaning]) => {
    const value = Object.entries(assumed).find(([other]) => other === name)?.[1]
    return [`\`--${flagOf(name)} ${value}\``, meaning]
  })
}

function flagOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (value > 0 && Number.isFinite(value)) return value
  throw new TypeError(`--${flagOf(name)} must be a number above 0`)
}
