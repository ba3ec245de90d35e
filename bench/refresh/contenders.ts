import { portOf } from '../kit/loopback.ts'
import { startProcess, type Started } from '../kit/process.ts'
import {
  startByHand,
  startForward,
  startLiar,
  startSession,
  type AdminQuotaState,
  type RefreshServer,
  type Surroundings,
} from './servers.ts'

/** One row of the tables. */
export interface Contender {
  readonly name: string
  /** The source of its refresh tokens: the upstream, or a sign-in with Perennial. */
  readonly mode: 'upstream' | 'session'
  readonly store?: 'sqlite' | 'redis'
  /** The state of the admin API's quota during the load. */
  readonly adminQuota?: AdminQuotaState
  readonly start: (surroundings: Surroundings) => Promise<RefreshServer> | RefreshServer
}

/** The row that the others are compared with. */
export const byHand: Contender = { name: 'Express + axios, by hand', mode: 'upstream', start: startByHand }

const session = { mode: 'session', start: startSession } as const

/** The rows of the tables, in their order. */
export const rows: readonly Contender[] = [
  byHand,
  { name: 'Perennial, forward mode', mode: 'upstream', start: startForward },
  { name: 'Perennial, session mode, SQLite', store: 'sqlite', adminQuota: 'used_up', ...session },
  { name: 'the same, admin API asked each time', store: 'sqlite', adminQuota: 'lifted', ...session },
  { name: 'Perennial, session mode, Redis', store: 'redis', adminQuota: 'used_up', ...session },
  { name: 'the same on Redis, admin API asked each time', store: 'redis', adminQuota: 'lifted', ...session },
]

/** The rows, and a server that gives one wrong answer of many: with it the bench must fail and print no figure. */
export const contenders: readonly Contender[] = [
  ...rows,
  { name: 'answers another member once', mode: 'upstream', start: startLiar },
]

interface Settings {
  readonly name: string
  readonly surroundings: Surroundings
}

/** Starts a contender in a process of its own. Its one question sets the state of the quota; `profileFolder`, where not empty, is for a CPU profile of it. */
export function startContender(contender: Contender, surroundings: Surroundings, profileFolder: string) {
  const profile = [`--cpu-prof-dir=${profileFolder}`, `--cpu-prof-name=${slugOf(contender)}.cpuprofile`]
  const settings: Settings = { name: contender.name, surroundings }
  const nodeFlags = profileFolder ? ['--cpu-prof', ...profile] : []
  return startProcess<{ port: number }, AdminQuotaState>(import.meta.url, settings, { nodeFlags })
}

/** Returns the name of a contender as part of a file name or a token. */
export function slugOf({ name }: Contender): string {
  return name.replaceAll(/\W+/g, '-')
}

/** Runs in the process of the contender. */
export async function start({
  name,
  surroundings,
}: Settings): Promise<Started<{ port: number }, AdminQuotaState>> {
  const contender = contenders.find((one) => one.name === name)
  if (!contender) throw new Error(`no contender ${name}`)
  const { app, setQuota } = await contender.start(surroundings)
  const port = await portOf(app.listen(0, '127.0.0.1'))
  return { ready: { port }, answer: (quota) => setQuota?.(quota) }
}
