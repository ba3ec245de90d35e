import type { Clock } from '../../base/time.js'
import {
  isLive,
  type EndedSession,
  type Session,
  type SessionEndReason,
  type SessionStore,
} from '../../sessions/index.js'
import { endedKeptSeconds, signInCutoffKeptSeconds } from '../ended-sessions.js'
import type { RedisConnection } from './connection.js'
import type { RedisEndedFeed } from './ended-feed.js'
import { redisKeys } from './keys.js'
import { toReading, toFields, type SessionReading } from './session-scripts.js'
import * as scripts from './session-scripts.js'

interface Parts {
  readonly connection: RedisConnection
  readonly feed: RedisEndedFeed
  readonly clock: Clock
}

/** An expired session is kept for this long, so that a late refresh is answered as expired, not as unknown. */
export const expiredKeptSeconds = 3600
/** The number of sessions of one member that are read or ended at a time. */
const atOnce = 100

/**
 * Creates the sessions of a Redis store. A refresh takes two round trips: the read and the compare-and-set. A change of one
 * session is one script. A change that also concerns the index of a member or the feed is several, in an order in which
 * neither a crash nor a race between them leaves a session alive that should have ended.
 */
export function createRedisSessions(parts: Parts): SessionStore {
  return { ...createRotation(parts), ...createEnding(parts) }
}

type Rotation = Pick<SessionStore, 'create' | 'read' | 'advance' | 'confirm' | 'listOf'>

function createRotation(parts: Parts): Rotation {
  const { connection, clock } = parts
  const read = async (id: string) =>
    readingOf(await connection.command('HGETALL', redisKeys.session(id)), parts)
  return {
    async create(session, signInIssuedAt) {
      const now = Math.floor(clock())
      const expiresAt = Math.floor(session.expiresAt)
      const keep = Math.max(1, expiresAt + expiredKeptSeconds - now)
      const key = redisKeys.session(session.id)
      await connection.run(scripts.createSession, [key], [keep, ...toFields(session)])
      const keys = [redisKeys.memberSessions(session.memberId), redisKeys.memberCutoff(session.memberId)]
      const overAt = [now - expiredKeptSeconds, now - signInCutoffKeptSeconds]
      const args = [session.id, expiresAt, signInIssuedAt, keep, ...overAt]
      if ((await connection.run(scripts.indexSession, keys, args)) === 1) return 'created'
      await connection.command('DEL', key)
      return 'refused'
    },
    read,
    async advance({ id, fromGeneration, toGeneration, at, sealedMember }) {
      const args = [fromGeneration, toGeneration, Math.floor(at), sealedMember ?? '']
      const reply = await connection.run(scripts.advanceSession, [redisKeys.session(id)], args)
      const [applied, fields] = Array.isArray(reply) ? reply : []
      return { applied: applied === 1, session: readingOf(fields, parts) }
    },
    async confirm(id, generation, at) {
      await connection.run(scripts.confirmSession, [redisKeys.session(id)], [generation, Math.floor(at)])
    },
    async listOf(memberId, at) {
      const floor = `(${Math.floor(at)}`
      const ids = await connection.command('ZRANGEBYSCORE', redisKeys.memberSessions(memberId), floor, '+inf')
      const found = await someAtOnce(toTexts(ids), read)
      return found
        .filter((session) => session !== null)
        .filter((session) => isLive(session, at))
        .toSorted((a, b) => b.createdAt - a.createdAt)
    },
  }
}

/** The result of ending one session. */
interface Ending extends EndedSession {
  readonly memberId: string
  readonly outcome: 'nothing' | 'ended' | 'unpublished'
}

function createEnding(parts: Parts): Omit<SessionStore, keyof Rotation> {
  const { connection, feed } = parts
  const endOne = async (id: string, reason: SessionEndReason | '', at: number): Promise<Ending> => {
    const args = [Math.floor(at), reason, endedKeptSeconds]
    const reply = await connection.run(scripts.endSession, [redisKeys.session(id)], args)
    const [code, endedAt, memberId] = Array.isArray(reply) ? reply : []
    const outcome = code === 1 ? 'ended' : code === 2 ? 'unpublished' : 'nothing'
    return {
      id,
      endedAt: outcome === 'nothing' ? Math.floor(at) : Number(endedAt),
      memberId: String(memberId),
      outcome,
    }
  }
  return {
    async end(id, reason, at) {
      const ending = await endOne(id, reason, at)
      await publish([ending], parts)
      return ending.outcome === 'ended'
    },
    async endAllOf({ memberId, reason, at, refuseSignInsIssuedUntil: until }) {
      const keys = [redisKeys.memberSessions(memberId), redisKeys.memberCutoff(memberId)]
      const issuedUntil = until === undefined ? '' : Math.floor(until)
      const args = [Math.floor(at), issuedUntil, signInCutoffKeptSeconds]
      const ids = toTexts(await connection.run(scripts.refuseAndList, keys, args))
      const endings = await someAtOnce(ids, (id) => endOne(id, reason, at))
      await publish(endings, parts)
      return endings.filter(({ outcome }) => outcome === 'ended').map(({ id }) => id)
    },
    endedSince: (at) => feed.since(at),
    watchEnded: (listener) => feed.subscribe(listener),
    async restoreEnded(known) {
      const endings = await someAtOnce(known, ({ id, endedAt }) => endOne(id, '', endedAt))
      await feed.publish(endings)
      markPublished(endings, parts)
    },
  }
}

async function publish(endings: readonly Ending[], parts: Parts): Promise<void> {
  const news = endings.filter(({ outcome }) => outcome !== 'nothing')
  if (news.length === 0) return
  await parts.feed.publish(news)
  markPublished(news, parts)
}

/** The caller does not wait. If this fails, the next read of the session publishes its end again. */
function markPublished(endings: readonly Ending[], { connection }: Parts): void {
  const note = async ({ id, memberId, outcome }: Ending) => {
    if (outcome === 'nothing') return
    await connection.run(scripts.markPublished, [redisKeys.session(id)], [])
    await connection.command('ZREM', redisKeys.memberSessions(memberId), id)
  }
  someAtOnce(endings, note).catch(() => {})
}

/** Redis removes what is over by its own clock. The clock of the service decides. */
function readingOf(reply: unknown, parts: Parts): Session | null {
  const reading = toReading(reply)
  if (reading === null || isForgotten(reading, parts.clock())) return null
  const { session, isUnpublished } = reading
  if (isUnpublished) {
    const { id, memberId, endedAt } = session
    // The instance that ended it may have stopped before it published the end.
    publish([{ id, memberId, endedAt: endedAt ?? 0, outcome: 'unpublished' }], parts).catch(() => {})
  }
  return session
}

function isForgotten({ session }: SessionReading, now: number): boolean {
  if (session.expiresAt + expiredKeptSeconds <= now) return true
  return session.endedAt !== null && session.endedAt + endedKeptSeconds <= now
}

async function someAtOnce<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<readonly R[]> {
  const done: R[] = []
  for (let from = 0; from < all.length; from += atOnce) {
    done.push(...(await Promise.all(all.slice(from, from + atOnce).map(work))))
  }
  return done
}

function toTexts(reply: unknown): readonly string[] {
  return Array.isArray(reply) ? reply.map(String) : []
}
