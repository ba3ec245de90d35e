import { liars } from './liars.ts'
import { startByHand, startForward, startSession, type Contender } from './servers.ts'

/** What the others are compared with. */
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

/** Everything that can be started: the rows, and servers that answer wrongly, which prove that the bench finds them. */
export const contenders: readonly Contender[] = [...rows, ...liars]
