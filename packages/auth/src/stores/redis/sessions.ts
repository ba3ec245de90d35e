import type { Clock } from '../../base/time.js'
import type { EndedSession, SessionEndReason, SessionRow, SessionRows } from '../../sessions/index.js'
import { endedKeptSeconds, signInCutoffKeptSeconds } from '../ended-sessions.js'
import type { RedisConnection } from './connection.js'
import type { RedisEndedFeed } from './ended-feed.js'
import { createRedisEpoch, readPresentEpoch } from './epoch.js'
import { createInsertion, expiredKeptSeconds } from './insertion.js'
import { entryOf, listByIndex, readEntries, type IndexEntry } from './member-index.js'
import { toReading, toText, type SessionReading } from './session-scripts.js'
import * as scripts from './session-scripts.js'

interface Parts {
  readonly connection: RedisConnection
  readonly feed: RedisEndedFeed
  readonly clock: Clock
}

/** The number of sessions that are ended at a time. */
const atOnce = 100

/**
 * Creates the session rows of a Redis store. A refresh takes two round trips: the read and the compare-and-set. A change of
 * one session is one script. A change that also concerns the index of a member or the feed is several, in an order in which
 * neither a crash nor a race between them leaves a session alive that should have ended.
 */
export function createRedisSessions(parts: Parts): SessionRows {
  return { ...createRows(parts), ...createEnding(parts), ...createRedisEpoch(parts) }
}

type Rows = Pick<SessionRows, 'insert' | 'read' | 'replace' | 'list'>
type Epoch = Pick<SessionRows, 'readEpoch' | 'replaceEpoch'>

function createRows(parts: Parts): Rows {
  const { connection } = parts
  const { keys } = connection
  const read = async (id: string) => readingOf(await getSession(connection, id), parts)
  return {
    insert: createInsertion({ ...parts, read, supersede: (rows) => supersede(rows, parts) }),
    read,
    async replace(row, expected) {
      const key = keys.session(row.id)
      const reply = await connection.run(scripts.replaceSession, [key], [expected, toText(row)])
      return reply === 1 ? 'replaced' : readingOf(reply, parts)
    },
    async list(request) {
      const epoch = await readPresentEpoch(connection)
      return await listByIndex(connection, { ...request, epoch }, read)
    },
  }
}

/** Reads a session's text. A value of another type (a hash of a version without marks) counts as no session. */
async function getSession({ command, keys }: RedisConnection, id: string): Promise<unknown> {
  try {
    return await command('GET', keys.session(id))
  } catch (error) {
    const isOther =
      error instanceof Error && error.cause instanceof Error && error.cause.message === 'WRONGTYPE'
    if (isOther) return null
    throw error
  }
}

/** The result of ending one session. */
interface Ending extends EndedSession {
  readonly memberId: string
  readonly epoch: number
  readonly expiresAt: number
  readonly outcome: 'nothing' | 'ended' | 'unpublished'
}

async function endOne(
  id: string,
  { reason, at: atOrLater }: { readonly reason: SessionEndReason | ''; readonly at: number },
  { run, keys }: RedisConnection,
): Promise<Ending> {
  const at = Math.floor(atOrLater)
  const reply = await run(scripts.endSession, [keys.session(id)], [at, reason, endedKeptSeconds])
  const [code, endedAt, memberId, expiresAt, epoch] = Array.isArray(reply) ? reply : []
  const outcome = code === 1 ? 'ended' : code === 2 ? 'unpublished' : 'nothing'
  const end = outcome === 'nothing' ? at : Number(endedAt)
  return {
    id,
    endedAt: end,
    memberId: String(memberId),
    epoch: Number(epoch),
    expiresAt: Number(expiresAt),
    outcome,
  }
}

function createEnding(parts: Parts): Omit<SessionRows, keyof Rows | keyof Epoch> {
  const { connection, feed } = parts
  const { keys } = connection
  return {
    async end(id, reason, at) {
      const ending = await endOne(id, { reason, at }, connection)
      await publish([ending], parts)
      return ending.outcome === 'ended'
    },
    async refuseSignIns({ memberId, issuedUntil, at }) {
      const args = [Math.floor(at), Math.floor(issuedUntil), signInCutoffKeptSeconds]
      await connection.run(scripts.refuseSignIns, [keys.memberCutoff(memberId)], args)
    },
    async endSomeOf({ memberId, reason, at, limit }) {
      const epoch = await readPresentEpoch(connection)
      const ended: string[] = []
      while (ended.length < limit) {
        const count = Math.min(atOnce, limit - ended.length)
        const entries = await readEntries(connection, { memberId, epoch, after: null, count })
        const live = entries.filter(({ expiresAt }) => expiresAt > at)
        const endings = await Promise.all(live.map(({ id }) => endOne(id, { reason, at }, connection)))
        await publish(endings, parts)
        // Before the next step, which must not find the same entries.
        await removeEntries(connection, { memberId, epoch }, entries)
        ended.push(...endings.filter(({ outcome }) => outcome === 'ended').map(({ id }) => id))
        if (entries.length < count) break
      }
      return ended
    },
    endedSince: (at) => feed.since(at),
    watchEnded: (listener) => feed.subscribe(listener),
    syncEnded: () => feed.sync(),
    async restoreEnded(known) {
      const endings: Ending[] = []
      for (let from = 0; from < known.length; from += atOnce) {
        const some = known.slice(from, from + atOnce)
        const ended = some.map(({ id, endedAt: at }) => endOne(id, { reason: '', at }, connection))
        endings.push(...(await Promise.all(ended)))
      }
      await feed.publish(endings)
      markPublished(endings, parts)
    },
  }
}

async function removeEntries(
  { command, keys }: RedisConnection,
  { memberId, epoch }: Pick<Ending, 'memberId' | 'epoch'>,
  entries: readonly Pick<IndexEntry, 'id' | 'expiresAt'>[],
): Promise<void> {
  if (entries.length > 0) await command('ZREM', keys.memberSessions(memberId, epoch), ...entries.map(entryOf))
}

/** Ends sessions because their member has too many, and returns those that ended here. */
async function supersede(rows: readonly SessionRow[], parts: Parts): Promise<readonly string[]> {
  const at = Math.floor(parts.clock())
  const endings: Ending[] = []
  for (let from = 0; from < rows.length; from += atOnce) {
    const some = rows.slice(from, from + atOnce)
    const ended = some.map(({ id }) => endOne(id, { reason: 'superseded', at }, parts.connection))
    endings.push(...(await Promise.all(ended)))
  }
  await publish(endings, parts)
  return endings.filter(({ outcome }) => outcome === 'ended').map(({ id }) => id)
}

async function publish(endings: readonly Ending[], parts: Parts): Promise<void> {
  const news = endings.filter(({ outcome }) => outcome !== 'nothing')
  if (news.length === 0) return
  await parts.feed.publish(news)
  markPublished(news, parts)
}

/** The caller does not wait. If this fails, the next read of the session publishes its end again. */
function markPublished(endings: readonly Ending[], { connection }: Parts): void {
  const note = async (ending: Ending) => {
    await connection.run(scripts.markPublished, [connection.keys.session(ending.id)], [])
    await removeEntries(connection, ending, [ending])
  }
  const all = async () => {
    const told = endings.filter(({ outcome }) => outcome !== 'nothing')
    for (let from = 0; from < told.length; from += atOnce)
      await Promise.all(told.slice(from, from + atOnce).map(note))
  }
  all().catch(() => {})
}

/** Redis removes what is over by its own clock. The clock of the service decides. */
function readingOf(reply: unknown, parts: Parts): SessionRow | null {
  const reading = toReading(reply)
  if (reading === null || isForgotten(reading, parts.clock())) return null
  const { row, isUnpublished } = reading
  if (isUnpublished) {
    const { id, memberId, epoch, expiresAt, endedAt } = row
    // The instance that ended it may have stopped before it published the end.
    const ending = { id, memberId, epoch, expiresAt, endedAt: endedAt ?? 0, outcome: 'unpublished' } as const
    publish([ending], parts).catch(() => {})
  }
  return row
}

function isForgotten({ row }: SessionReading, now: number): boolean {
  if (row.expiresAt + expiredKeptSeconds <= now) return true
  return row.endedAt !== null && row.endedAt + endedKeptSeconds <= now
}
