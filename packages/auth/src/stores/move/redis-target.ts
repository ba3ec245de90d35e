import type { Clock } from '../../base/time.js'
import type { EndedSession } from '../../sessions/index.js'
import type { StoredSigningKey } from '../../tokens/index.js'
import { parseRedisAddress } from '../redis/redis-address.js'
import { openRedisConnection, type RedisConnection } from '../redis/redis-connection.js'
import { redisChannels, redisKeys } from '../redis/redis-keys.js'
import { expiredKeptSeconds } from '../redis/redis-sessions.js'
import { createRedisSigningKeys } from '../redis/redis-signing-keys.js'
import { createRedisWebhookLog } from '../redis/redis-webhook-log.js'
import { toFields } from '../redis/session-hash.js'
import { indexSession, tellEnded } from '../redis/session-scripts.js'
import { endedKeptSeconds, signInCutoffKeptSeconds } from '../retention.js'
import type { MoveCount } from './move-counts.js'
import { beginMove, putCutoff, putSession } from './move-scripts.js'
import type { MovedCutoff, MovedSession, MovedWebhook } from './sqlite-source.js'

/** A Redis that is filled. Each `put` answers how many records it wrote; those that are newer there stay. */
export interface MoveTarget {
  /** When the first move to it began, in seconds since the epoch; null where there was none. */
  startedAt(): Promise<number | null>
  begin(): Promise<void>
  signingKeys(): Promise<readonly StoredSigningKey[]>
  addSigningKeys(keys: readonly StoredSigningKey[]): Promise<MoveCount>
  putEnded(ended: readonly EndedSession[]): Promise<number>
  putCutoffs(cutoffs: readonly MovedCutoff[]): Promise<number>
  putWebhooks(webhooks: readonly MovedWebhook[]): Promise<number>
  putSessions(sessions: readonly MovedSession[]): Promise<number>
  close(): Promise<void>
}

/** Longer than any session lives. */
const moveKeptSeconds = signInCutoffKeptSeconds
const mostKeyTries = 5

/** @throws Error in one line, when `ioredis` is not installed or Redis refuses user or password */
export async function openRedisTarget(url: string, clock: Clock): Promise<MoveTarget> {
  const connection = await openRedisConnection(parseRedisAddress(url))
  const keys = createRedisSigningKeys(connection)
  const webhookLog = createRedisWebhookLog(connection, clock)
  const now = () => Math.floor(clock())
  return {
    async startedAt() {
      const startedAt = await connection.command('HGET', redisKeys.move, 'startedAt')
      return startedAt === null ? null : Number(startedAt)
    },
    async begin() {
      await connection.run(beginMove, [redisKeys.move], [now(), moveKeptSeconds])
    },
    signingKeys: () => keys.list(),
    async addSigningKeys(given) {
      let copied = 0
      for (const key of given) if (await addKey(keys, key)) copied += 1
      return { copied, there: given.length - copied, over: 0 }
    },
    async putEnded(ended) {
      const entries = ended.flatMap(({ id, endedAt }) => [id, endedAt])
      const head = [now() - endedKeptSeconds, endedKeptSeconds, redisChannels.ended, 'move']
      const added = await connection.run(tellEnded, [redisKeys.ended], [...head, ...entries])
      return Array.isArray(added) ? added.length : 0
    },
    putCutoffs: (cutoffs) => countWritten(cutoffs, (cutoff) => putOneCutoff(connection, cutoff, now())),
    putWebhooks: (webhooks) =>
      countWritten(webhooks, async ({ id, forgetAt }) => {
        const isThere = await webhookLog.isDone(id)
        if (!isThere) await webhookLog.markDone(id, forgetAt)
        return !isThere
      }),
    putSessions: (sessions) => countWritten(sessions, (moved) => putOneSession(connection, moved, now())),
    close: () => connection.close(),
  }
}

async function countWritten<T>(all: readonly T[], put: (one: T) => Promise<boolean>): Promise<number> {
  const written = await Promise.all(all.map(put))
  return written.filter(Boolean).length
}

/** A service that runs on the new store already may add one of its own in between. */
async function addKey(
  keys: ReturnType<typeof createRedisSigningKeys>,
  key: StoredSigningKey,
): Promise<boolean> {
  for (let tries = 0; tries < mostKeyTries; tries += 1) {
    const there = await keys.list()
    if (there.some(({ kid }) => kid === key.kid)) return false
    if (await keys.add(key, there.at(-1)?.kid ?? null)) return true
  }
  throw new Error(
    'The signing keys of the new store change all the time. Nothing else was moved; move again.',
  )
}

async function putOneCutoff(connection: RedisConnection, cutoff: MovedCutoff, now: number): Promise<boolean> {
  const { memberId, issuedUntil, setAt } = cutoff
  const keep = setAt + signInCutoffKeptSeconds - now
  const reply = await connection.run(
    putCutoff,
    [redisKeys.memberCutoff(memberId)],
    [issuedUntil, setAt, keep],
  )
  return reply === 1
}

/** First the session and then its place in the member's index, as where one is created. */
async function putOneSession(
  connection: RedisConnection,
  { session, refusedUntil }: MovedSession,
  now: number,
): Promise<boolean> {
  const { id, memberId, generation, endedAt, confirmedAt, expiresAt, createdAt } = session
  const key = redisKeys.session(id)
  const index = redisKeys.memberSessions(memberId)
  const keep =
    endedAt === null ? expiresAt + expiredKeptSeconds - now : Math.max(1, endedAt + endedKeptSeconds - now)
  // The feed has every end by now.
  const fields = [...toFields(session), ...(endedAt === null ? [] : ['endTold', '1'])]
  const put = await connection.run(
    putSession,
    [key],
    [keep, generation, endedAt ?? '', confirmedAt ?? '', ...fields],
  )
  if (put === -1) return false
  if (endedAt !== null) {
    await connection.command('ZREM', index, id)
    return true
  }
  // Refused where the member signed out everywhere in the new store after all that the old one knows of him.
  const signInIssuedAt = Math.max(createdAt, refusedUntil + 1)
  const over = [now - expiredKeptSeconds, now - signInCutoffKeptSeconds]
  const args = [id, expiresAt, signInIssuedAt, keep, ...over]
  const keys = [index, redisKeys.memberCutoff(memberId)]
  if ((await connection.run(indexSession, keys, args)) === 1) return put !== 0
  // Whatever wrote it: an earlier try may have broken off here.
  await connection.command('DEL', key)
  return false
}
