import type { Clock } from '../../base/time.js'
import { endedKeptSeconds, signInCutoffKeptSeconds } from '../ended-sessions.js'
import type { RedisAddress } from '../redis/address.js'
import { createScript } from '../redis/commands.js'
import { openRedisConnection, type RedisConnection } from '../redis/connection.js'
import { createRedisOwner } from '../redis/owner.js'
import { publishEnded, readParts, toText } from '../redis/session-scripts.js'
import { addToIndex, addToLive, expiredKeptSeconds } from '../redis/insertion.js'
import { entryOf } from '../redis/member-index.js'
import { createRedisSigningKeys } from '../redis/signing-keys.js'
import { readEarlierKeys } from '../redis/earlier-store.js'
import { createRedisWebhookLog } from '../redis/store.js'
import { addSigningKeys, type MoveTarget } from './move-target.js'
import type { MovedCutoff, MovedSession } from './move-source.js'

/** Longer than any session lives. */
const moveKeptSeconds = signInCutoffKeptSeconds

/**
 * Stores a session, unless the stored one is as new or newer: an end comes first, then the higher generation, then the
 * one that was used. KEYS: the session. ARGV: seconds to keep it, generation, endedAt and confirmedAt
 * ('' for none), then its text. Returns 1 (written), 0 (left alone) or -1 (left alone, since it has ended there).
 */
const putSession = createScript(`${readParts}
if mark and endedAt ~= '' then return -1 end
if mark and ARGV[3] == '' then
  local ok, kept = pcall(cjson.decode, body)
  local was, is = ok and tonumber(kept[7]) or 0, tonumber(ARGV[2])
  if was > is then return 0 end
  if was == is and (kept[8] ~= cjson.null or ARGV[4] == '') then return 0 end
end
redis.call('SET', KEYS[1], ARGV[5], 'EX', ARGV[1])
return 1`)

/**
 * Refuses earlier sign-ins of a member, unless later ones are refused already. KEYS: cutoff. ARGV: issuedUntil, setAt,
 * seconds to keep it.
 */
const putCutoff = createScript(`
local kept = redis.call('HMGET', KEYS[1], 'issuedUntil', 'setAt')
if kept[1] and tonumber(kept[1]) >= tonumber(ARGV[1]) then return 0 end
local setAt = ARGV[2]
if kept[2] and tonumber(kept[2]) > tonumber(setAt) then setAt = kept[2] end
redis.call('HSET', KEYS[1], 'issuedUntil', ARGV[1], 'setAt', setAt)
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
return 1`)

/** Sets the epoch, unless the store has this one or a later one. KEYS: epoch. ARGV: text, seconds to keep it. */
const putEpoch = createScript(`
local kept = string.match(redis.call('GET', KEYS[1]) or '0', '^%d+')
if tonumber(kept) >= tonumber(string.match(ARGV[1], '^%d+')) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1`)

/** Notes the start of a move. An earlier start stays. KEYS: the move. ARGV: now, seconds to keep it. */
const beginMove = createScript(`
redis.call('HSETNX', KEYS[1], 'startedAt', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1`)

/** @throws Error with a message of one line, if `ioredis` is not installed or Redis refuses the user or password */
export async function openRedisTarget(
  address: RedisAddress,
  { clock, prefix }: { readonly clock: Clock; readonly prefix: string },
): Promise<MoveTarget> {
  const connection = await openRedisConnection(address, prefix)
  const keys = createRedisSigningKeys(connection)
  const webhookLog = createRedisWebhookLog(connection, clock)
  const now = () => Math.floor(clock())
  const names = connection.keys
  return {
    owner: createRedisOwner(connection, clock),
    async startedAt() {
      const startedAt = await connection.command('HGET', names.move, 'startedAt')
      return startedAt === null ? null : Number(startedAt)
    },
    async begin() {
      await connection.run(beginMove, [names.move], [now(), moveKeptSeconds])
    },
    signingKeys: async () => [...(await readEarlierKeys(connection)), ...(await keys.list())],
    addSigningKeys: (given) => addSigningKeys(keys, given),
    async putEnded(ended) {
      const entries = ended.flatMap(({ id, endedAt }) => [id, endedAt])
      const head = [now() - endedKeptSeconds, endedKeptSeconds, names.endedChannel, 'move']
      const added = await connection.run(
        publishEnded,
        [names.ended, names.endedLog, names.liveSessions],
        [...head, ...entries],
      )
      return Array.isArray(added) ? added.length : 0
    },
    async putEpoch({ epoch, mark }) {
      await connection.run(putEpoch, [names.epoch], [`${epoch} ${mark}`, signInCutoffKeptSeconds])
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

async function putOneCutoff(connection: RedisConnection, cutoff: MovedCutoff, now: number): Promise<boolean> {
  const { memberId, issuedUntil, setAt } = cutoff
  const keep = setAt + signInCutoffKeptSeconds - now
  const reply = await connection.run(
    putCutoff,
    [connection.keys.memberCutoff(memberId)],
    [issuedUntil, setAt, keep],
  )
  return reply === 1
}

/** Writes the session and then its entry in the index of its member, in the order of `insert`. */
async function putOneSession(
  connection: RedisConnection,
  { row, refusedUntil }: MovedSession,
  now: number,
): Promise<boolean> {
  const { id, memberId, generation, endedAt, confirmedAt, expiresAt, createdAt } = row
  const key = connection.keys.session(id)
  const keepSeconds =
    endedAt === null ? expiresAt + expiredKeptSeconds - now : Math.max(1, endedAt + endedKeptSeconds - now)
  // Every end is in the feed by now.
  const args = [keepSeconds, generation, endedAt ?? '', confirmedAt ?? '', toText(row, endedAt !== null)]
  const put = await connection.run(putSession, [key], args)
  if (put === -1) return false
  if (endedAt !== null) {
    await connection.command('ZREM', connection.keys.memberSessions(memberId, row.epoch), entryOf(row))
    return true
  }
  // Refused if the member signed out everywhere in the new store, later than any sign-out in the old one.
  const signInIssuedAt = Math.max(createdAt, refusedUntil + 1)
  const room = { signInIssuedAt, mostSessions: 0, gone: [], now }
  const isLive =
    (await addToLive(row, now, connection)) && (await addToIndex(connection, row, room)) === 'added'
  if (isLive) return put !== 0
  // Also if an earlier attempt wrote it and was interrupted here.
  await connection.command('DEL', key)
  await connection.command('ZREM', connection.keys.liveSessions, id)
  return false
}
