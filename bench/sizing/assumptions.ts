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
  liveShare: 'of all members have a session that is alive',
  sessionsPerMember: 'sessions has each of them: browsers, devices',
  peakShare: 'of the live sessions are open in the busiest hour',
  refreshSeconds: 'seconds lie between two refreshes of an open session',
  sessionDays: 'days after a sign-in comes the next one',
  adminPerSecond: 'requests a second go to the admin API at the most, from all instances together',
  coreShare: 'of a core is what an instance, or a Redis, may use at the peak',
  leastInstances: 'instances at the least',
  memoryHeadroom: 'times what the sessions take is what Redis gets: it copies memory while it saves',
  gibPerShard: 'GiB is the most for one Redis; more is a Cluster',
  redisCopies: 'Redis processes hold each shard: a master and its replicas',
  vcpuHour: 'is paid for an hour of a vCPU: an example, put your own price in',
  gibHour: 'is paid for an hour of a GiB of Redis: an example, put your own price in',
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
