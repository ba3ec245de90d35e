import type { Clock } from '../../base/time.js'
import {
  isLive,
  type EndedSession,
  type Session,
  type SessionEndReason,
  type SessionStore,
} from '../../sessions/index.js'
import { endedKeptSeconds, signInCutoffKeptSeconds } from '../retention.js'
import type { RedisConnection } from './redis-connection.js'
import type { RedisEndedFeed } from './redis-ended-feed.js'
import { redisKeys } from './redis-keys.js'
import { toFields, toReading, type SessionReading } from './session-hash.js'
import * as scripts from './session-scripts.js'

interface Parts {
  readonly connection: RedisConnection
  readonly feed: RedisEndedFeed
  readonly clock: Clock
}

/** A session that is over is known for so long, so that who comes late is told that it expired. */
export const expiredKeptSeconds = 3600
/** Sessions of one member are read and ended so many at a time. */
const atOnce = 100

/**
 * Sessions in Redis. A refresh takes two round trips: the read and the compare-and-set. What touches one session is one
 * script; what touches a member's sessions or the feed besides is several, in an order that a crash or a race between
 * them cannot turn into a session that lives on.
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

/** How ending one session came out. */
interface Ending extends EndedSession {
  readonly memberId: string
  readonly outcome: 'nothing' | 'ended' | 'untold'
}

function createEnding(parts: Parts): Omit<SessionStore, keyof Rotation> {
  const { connection, feed } = parts
  const endOne = async (id: string, reason: SessionEndReason | '', at: number): Promise<Ending> => {
    const args = [Math.floor(at), reason, endedKeptSeconds]
    const reply = await connection.run(scripts.endSession, [redisKeys.session(id)], args)
    const [code, endedAt, memberId] = Array.isArray(reply) ? reply : []
    const outcome = code === 1 ? 'ended' : code === 2 ? 'untold' : 'nothing'
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
      await tellOf([ending], parts)
      return ending.outcome === 'ended'
    },
    async endAllOf({ memberId, reason, at, refuseSignInsIssuedUntil: until }) {
      const keys = [redisKeys.memberSessions(memberId), redisKeys.memberCutoff(memberId)]
      const issuedUntil = until === undefined ? '' : Math.floor(until)
      const args = [Math.floor(at), issuedUntil, signInCutoffKeptSeconds]
      const ids = toTexts(await connection.run(scripts.refuseAndList, keys, args))
      const endings = await someAtOnce(ids, (id) => endOne(id, reason, at))
      await tellOf(endings, parts)
      return endings.filter(({ outcome }) => outcome === 'ended').map(({ id }) => id)
    },
    endedSince: (at) => feed.since(at),
    watchEnded: (listener) => feed.watch(listener),
    async restoreEnded(known) {
      const endings = await someAtOnce(known, ({ id, endedAt }) => endOne(id, '', endedAt))
      await feed.tell(endings)
      noteAsTold(endings, parts)
    },
  }
}

async function tellOf(endings: readonly Ending[], parts: Parts): Promise<void> {
  const news = endings.filter(({ outcome }) => outcome !== 'nothing')
  if (news.length === 0) return
  await parts.feed.tell(news)
  noteAsTold(news, parts)
}

/** Off the caller's path: where it fails, whoever reads the session next tells of its end once more. */
function noteAsTold(endings: readonly Ending[], { connection }: Parts): void {
  const note = async ({ id, memberId, outcome }: Ending) => {
    if (outcome === 'nothing') return
    await connection.run(scripts.noteTold, [redisKeys.session(id)], [])
    await connection.command('ZREM', redisKeys.memberSessions(memberId), id)
  }
  someAtOnce(endings, note).catch(() => {})
}

/** Redis drops what is over by its own clock; ours is the one that counts. */
function readingOf(reply: unknown, parts: Parts): Session | null {
  const reading = toReading(reply)
  if (reading === null || isForgotten(reading, parts.clock())) return null
  const { session, isUntold } = reading
  if (isUntold) {
    const { id, memberId, endedAt } = session
    // Whoever ended it may have died before the others heard of it.
    tellOf([{ id, memberId, endedAt: endedAt ?? 0, outcome: 'untold' }], parts).catch(() => {})
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
