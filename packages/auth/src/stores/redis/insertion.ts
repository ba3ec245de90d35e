import { createOrder } from '../../base/single-flight.js'
import type { Clock } from '../../base/time.js'
import {
  isLive,
  surplusOf,
  type Creation,
  type SessionRow,
  type SessionRows,
  type SignIn,
} from '../../sessions/index.js'
import { signInCutoffKeptSeconds, supersededAtOnce } from '../ended-sessions.js'
import type { RedisConnection } from './connection.js'
import { entryOf } from './member-index.js'
import { enterLive, indexSession, listOldest, toText } from './session-scripts.js'

interface InsertionParts {
  readonly connection: RedisConnection
  readonly clock: Clock
  readonly read: (id: string) => Promise<SessionRow | null>
  /** Ends sessions, and returns the ids of those that ended. */
  readonly supersede: (rows: readonly SessionRow[]) => Promise<readonly string[]>
}

/** An expired session is kept for this long, so that a late refresh is answered as expired, not as unknown. */
export const expiredKeptSeconds = 3600

/** So many sessions are read at a time. */
const readAtOnce = 100

/**
 * Creates the step that stores a session. The index of the member decides in one script whether there is room for it. If there is
 * none, the sessions that were refreshed longest ago end first, and then the script is asked again: of sign-ins that race, each has
 * the place of one that it ended. Nothing ends twice, since all of them end the same ones.
 */
export function createInsertion(parts: InsertionParts): SessionRows['insert'] {
  const inOrder = createOrder<Creation>()
  return (row, signIn) => inOrder(row.memberId, () => insert(row, signIn, parts))
}

async function insert(
  row: SessionRow,
  { issuedAt, mostSessions }: SignIn,
  parts: InsertionParts,
): Promise<Creation> {
  const { connection, clock, supersede } = parts
  const now = Math.floor(clock())
  if (!(await store(row, now, connection))) return { kind: 'outdated' }
  const superseded: string[] = []
  let gone: readonly string[] = []
  for (;;) {
    const room = { signInIssuedAt: issuedAt, mostSessions, gone, now }
    const answer = await addToIndex(connection, row, room)
    if (answer === 'added') return { kind: 'created', superseded }
    if (answer === 'refused') {
      await forget(row, connection)
      return { kind: 'refused' }
    }
    const found = await findSurplus(row, { most: mostSessions - 1, at: now }, parts)
    superseded.push(...(await supersede(found.surplus)))
    gone = found.gone
  }
}

/** Stores a session that is in no index yet. Returns false if the store has a later epoch. */
async function store(
  row: SessionRow,
  now: number,
  { command, run, keys }: RedisConnection,
): Promise<boolean> {
  const keepSeconds = Math.max(1, row.expiresAt + expiredKeptSeconds - now)
  if (!(await addToLive(row, now, { run, keys }))) return false
  await command('SET', keys.session(row.id), toText(row), 'EX', keepSeconds)
  return true
}

/** Adds a session to those that are counted. Returns false if the store has a later epoch. */
export async function addToLive(
  { id, epoch, expiresAt }: SessionRow,
  now: number,
  { run, keys }: Pick<RedisConnection, 'run' | 'keys'>,
): Promise<boolean> {
  const keepSeconds = Math.max(1, expiresAt + expiredKeptSeconds - now)
  const args = [epoch, id, expiresAt, now, keepSeconds]
  return (await run(enterLive, [keys.epoch, keys.liveSessions], args)) === 1
}

async function forget({ id }: SessionRow, { command, keys }: RedisConnection): Promise<void> {
  await command('DEL', keys.session(id))
  await command('ZREM', keys.liveSessions, id)
}

interface Room {
  readonly signInIssuedAt: number
  /** 0: any number. */
  readonly mostSessions: number
  /** Entries that are no longer of use. */
  readonly gone: readonly string[]
  readonly now: number
}

/** Adds a session to the index of its member. */
export async function addToIndex(
  { run, keys }: RedisConnection,
  row: SessionRow,
  { signInIssuedAt, mostSessions, gone, now }: Room,
): Promise<'added' | 'refused' | 'full'> {
  const { memberId, epoch, createdAt, expiresAt } = row
  const keepSeconds = Math.max(1, expiresAt + expiredKeptSeconds - now)
  const overAt = [now - expiredKeptSeconds, now - signInCutoffKeptSeconds]
  const args = [entryOf(row), createdAt, signInIssuedAt, keepSeconds, ...overAt, mostSessions, ...gone]
  const places = [keys.memberSessions(memberId, epoch), keys.memberCutoff(memberId)]
  const answer = await run(indexSession, places, args)
  return answer === 1 ? 'added' : answer === 0 ? 'refused' : 'full'
}

/**
 * Finds the sessions of a member that have to end, and the entries of the index that are no longer of use. Of a member who has far
 * too many, those that were created first are considered: one that has to stay is never among the ones of them that end.
 */
async function findSurplus(
  { memberId, epoch }: SessionRow,
  { most, at }: { readonly most: number; readonly at: number },
  { connection, read }: InsertionParts,
): Promise<{ readonly surplus: readonly SessionRow[]; readonly gone: readonly string[] }> {
  const places = [connection.keys.memberSessions(memberId, epoch)]
  const reply = await connection.run(listOldest, places, [most + supersededAtOnce])
  const entries = Array.isArray(reply) ? reply.map(String) : []
  const live: { readonly entry: string; readonly row: SessionRow; readonly lastUsedAt: number }[] = []
  for (let from = 0; from < entries.length; from += readAtOnce) {
    const some = entries.slice(from, from + readAtOnce)
    const rows = await Promise.all(some.map((entry) => read(entry.split('.', 1)[0] ?? '')))
    rows.forEach((row, index) => {
      if (row && isLive(row, at)) live.push({ entry: some[index] ?? '', row, lastUsedAt: row.lastUsedAt })
    })
  }
  const surplus = surplusOf(live, most)
  const staying = new Set(live.filter((one) => !surplus.includes(one)).map(({ entry }) => entry))
  return {
    surplus: surplus.map(({ row }) => row),
    gone: entries.filter((entry) => !staying.has(entry)),
  }
}
