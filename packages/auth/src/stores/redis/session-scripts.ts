import type { Session, SessionEndReason } from '../../sessions/index.js'
import { createScript, type RedisScript } from './commands.js'

/** Returns the fields of a session's hash. A field that is null is left out. */
export function toFields(session: Session): readonly string[] {
  const { createdAt, lastUsedAt, expiresAt, ...rest } = session
  const whole = {
    ...rest,
    createdAt: Math.floor(createdAt),
    lastUsedAt: Math.floor(lastUsedAt),
    expiresAt: Math.floor(expiresAt),
  }
  return Object.entries(whole).flatMap(([name, value]) => (value === null ? [] : [name, String(value)]))
}

/** A session's hash, parsed. */
export interface SessionReading {
  readonly session: Session
  /** True if it has ended, and its end may not be published. */
  readonly isUnpublished: boolean
}

/** Parses the reply of `HGETALL`; null if there is no such key. */
export function toReading(reply: unknown): SessionReading | null {
  const fields = toMap(reply)
  const id = fields.get('id')
  if (id === undefined) return null
  const number = (name: string) => Number(fields.get(name))
  const numberOrNull = (name: string) => (fields.has(name) ? number(name) : null)
  const session: Session = {
    id,
    memberId: fields.get('memberId') ?? '',
    userAgent: fields.get('userAgent') ?? null,
    createdAt: number('createdAt'),
    lastUsedAt: number('lastUsedAt'),
    expiresAt: number('expiresAt'),
    generation: number('generation'),
    confirmedAt: numberOrNull('confirmedAt'),
    previousConfirmedAt: numberOrNull('previousConfirmedAt'),
    endedAt: numberOrNull('endedAt'),
    endReason: endReasons.find((reason) => reason === fields.get('endReason')) ?? null,
    sealedMember: fields.get('sealedMember') ?? null,
  }
  return { session, isUnpublished: session.endedAt !== null && !fields.has('endTold') }
}

const endReasons: readonly SessionEndReason[] = [
  'sign_out',
  'sign_out_everywhere',
  'reuse',
  'member_deleted',
  'plan_lost',
]

function toMap(reply: unknown): ReadonlyMap<string, string> {
  const flat = Array.isArray(reply) ? reply.map(String) : []
  const fields = new Map<string, string>()
  for (let index = 0; index + 1 < flat.length; index += 2)
    fields.set(flat[index] ?? '', flat[index + 1] ?? '')
  return fields
}

/** Stores a session. KEYS: the session. ARGV: seconds to keep it, then its fields. */
export const createSession: RedisScript = createScript(`
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1`)

/**
 * Adds a stored session to the index of its member, unless its sign-in is refused. The refusal (`refuseAndList`) and its
 * read of the index happen in one script, so a concurrent sign-in sees one of them.
 * KEYS: index, cutoff. ARGV: id, expiresAt, signInIssuedAt, seconds to keep the index, the instant up to which
 * index entries are removed, the instant up to which a cutoff that was set is over.
 */
export const indexSession: RedisScript = createScript(`
local cutoff = redis.call('HMGET', KEYS[2], 'issuedUntil', 'setAt')
if cutoff[1] and tonumber(cutoff[2]) > tonumber(ARGV[6]) and tonumber(ARGV[3]) <= tonumber(cutoff[1]) then
  return 0
end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[5])
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
return 1`)

/** The compare-and-set of a rotation. KEYS: the session. ARGV: from, to, at, sealed member ('' keeps the stored one). */
export const advanceSession: RedisScript = createScript(`
local s = redis.call('HMGET', KEYS[1], 'generation', 'expiresAt', 'endedAt', 'confirmedAt')
local applied = 0
if s[1] and s[1] == ARGV[1] and not s[3] and tonumber(s[2]) > tonumber(ARGV[3]) then
  applied = 1
  local previous = ARGV[3]
  if s[4] and tonumber(ARGV[2]) == tonumber(s[1]) + 1 then previous = s[4] end
  redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'lastUsedAt', ARGV[3], 'previousConfirmedAt', previous)
  redis.call('HDEL', KEYS[1], 'confirmedAt')
  if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'sealedMember', ARGV[4]) end
end
return {applied, redis.call('HGETALL', KEYS[1])}`)

/** Notes the first use of a generation. KEYS: the session. ARGV: generation, at. */
export const confirmSession: RedisScript = createScript(`
local s = redis.call('HMGET', KEYS[1], 'generation', 'endedAt', 'confirmedAt')
if not s[1] or s[2] then return 0 end
local kept, seen = tonumber(s[1]), tonumber(ARGV[1])
if seen > kept then
  local previous = ARGV[2]
  if s[3] and seen == kept + 1 then previous = s[3] end
  redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'confirmedAt', ARGV[2], 'previousConfirmedAt', previous)
elseif seen == kept and not s[3] then
  redis.call('HSET', KEYS[1], 'confirmedAt', ARGV[2])
end
return 1`)

/**
 * Ends a session. KEYS: the session. ARGV: at, reason ('' for none), seconds to keep it.
 * Returns 0 (unknown, or ended and published), 1 (ended now) or 2 (ended before, perhaps not published), when, and the member.
 * The EXPIRE comes first: Redis does not stop a script for lack of memory once it has written, and this one must not stop.
 */
export const endSession: RedisScript = createScript(`
local s = redis.call('HMGET', KEYS[1], 'memberId', 'endedAt', 'endTold')
if not s[1] or s[3] then return {0, '', ''} end
if s[2] then return {2, s[2], s[1]} end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('HSET', KEYS[1], 'endedAt', ARGV[1])
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'endReason', ARGV[2]) end
return {1, ARGV[1], s[1]}`)

/** Marks the end of a session as published. KEYS: the session. */
export const markPublished: RedisScript = createScript(`
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'endTold', '1') end
return 1`)

/**
 * Refuses sign-ins (unless ARGV[2] is '') and lists the sessions in the index. KEYS: index, cutoff.
 * ARGV: at, issuedUntil, seconds to keep the cutoff. Begins with an EXPIRE for the same reason as `endSession`.
 */
export const refuseAndList: RedisScript = createScript(`
if ARGV[2] ~= '' then
  redis.call('EXPIRE', KEYS[2], ARGV[3])
  local before = tonumber(redis.call('HGET', KEYS[2], 'issuedUntil') or '-1')
  local issuedUntil = ARGV[2]
  if before > tonumber(issuedUntil) then issuedUntil = string.format('%.0f', before) end
  redis.call('HSET', KEYS[2], 'issuedUntil', issuedUntil, 'setAt', ARGV[1])
  redis.call('EXPIRE', KEYS[2], ARGV[3])
end
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf')`)

/**
 * Adds the sessions that are new to the feed of ended ones, and publishes them. KEYS: the feed. ARGV: the instant up to
 * which entries are removed, seconds to keep the feed, channel, sender, then id and end of each. Returns the new ids.
 */
export const publishEnded: RedisScript = createScript(`
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
local news, ids = {ARGV[4]}, {}
for i = 5, #ARGV, 2 do
  if redis.call('ZADD', KEYS[1], 'NX', ARGV[i + 1], ARGV[i]) == 1 then
    ids[#ids + 1] = ARGV[i]
    news[#news + 1] = ARGV[i]
    news[#news + 1] = ARGV[i + 1]
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
if #ids > 0 then redis.call('PUBLISH', ARGV[3], table.concat(news, ' ')) end
return ids`)
