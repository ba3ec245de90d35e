import { laterFields, toEndReason, type Session, type SessionRow } from '../../sessions/index.js'
import { createScript, type RedisScript } from './commands.js'

/**
 * A session is one string: a line with the mark, the end, its reason and `1` if the end was published (each may be empty),
 * then the other fields as a JSON array. It is no hash, as in versions without marks: an instance of such a version gets
 * `WRONGTYPE` and answers 503, so it can neither refuse a session that it does not understand nor write one without a mark.
 */
export function toText(row: SessionRow, isPublished = false): string {
  const { mark, endedAt, endReason } = row
  const fields = [
    row.id,
    row.memberId,
    row.userAgent,
    row.createdAt,
    row.lastUsedAt,
    row.expiresAt,
    row.generation,
    row.confirmedAt,
    row.previousConfirmedAt,
    row.sealedMember,
    ...laterFields(row),
  ]
  const head = `${mark} ${endedAt ?? ''} ${endReason ?? ''} ${isPublished ? '1' : ''}`
  return `${head}\n${JSON.stringify(fields)}`
}

/** A session as Redis holds it. */
export interface SessionReading {
  readonly row: SessionRow
  /** True if it has ended, and its end may not be published. */
  readonly isUnpublished: boolean
}

/** Reads what `toText` wrote; null for everything else. */
export function toReading(text: unknown): SessionReading | null {
  if (typeof text !== 'string') return null
  const parts = /^(\S*) (\d*) (\S*) (1?)\n(.*)$/s.exec(text)
  const session = toSession(parts?.[5] ?? '')
  if (!parts || session === null) return null
  const [, mark = '', endedAt, endReason, told] = parts
  const end = { endedAt: endedAt ? Number(endedAt) : null, endReason: toEndReason(endReason) }
  return { row: { ...session, ...end, mark }, isUnpublished: end.endedAt !== null && !told }
}

function toSession(body: string): Session | null {
  let fields: unknown
  try {
    fields = JSON.parse(body)
  } catch {
    // Not written by us. The caller treats it as a session that does not exist.
    return null
  }
  if (!Array.isArray(fields)) return null
  const text = (index: number) => (typeof fields[index] === 'string' ? fields[index] : null)
  const number = (index: number) => (typeof fields[index] === 'number' ? fields[index] : null)
  return {
    id: text(0) ?? '',
    memberId: text(1) ?? '',
    userAgent: text(2),
    createdAt: number(3) ?? 0,
    lastUsedAt: number(4) ?? 0,
    expiresAt: number(5) ?? 0,
    generation: number(6) ?? 0,
    confirmedAt: number(7),
    previousConfirmedAt: number(8),
    sealedMember: text(9),
    epoch: number(10) ?? 0,
    jkt: text(11),
    endedAt: null,
    endReason: null,
  }
}

/** Reads the parts of a session in a script. What is no session of ours counts as none. */
export const readParts = `
local value = redis.pcall('GET', KEYS[1])
local mark, endedAt, reason, told, body
if type(value) == 'string' then
  mark, endedAt, reason, told, body = string.match(value, '^(%S*) (%d*) (%S*) (1?)\\n(.*)$')
end`

/**
 * Adds a stored session to the index of its member, unless its sign-in is refused (0) or the index then has too many entries (2).
 * The refusal (`refuseSignIns`) precedes every reading of the index, so a concurrent sign-in sees the refusal or is found in the
 * index. Entries that are no longer of use are removed first.
 * KEYS: index, cutoff. ARGV: entry, createdAt, signInIssuedAt, seconds to keep the index, the instant up to which
 * entries have expired, the instant up to which a cutoff that was set is over, the most entries (0: any number), then the
 * entries to remove.
 */
export const indexSession: RedisScript = createScript(`
local cutoff = redis.call('HMGET', KEYS[2], 'issuedUntil', 'setAt')
if cutoff[1] and tonumber(cutoff[2]) > tonumber(ARGV[6]) and tonumber(ARGV[3]) <= tonumber(cutoff[1]) then
  return 0
end
for i = 8, #ARGV do redis.call('ZREM', KEYS[1], ARGV[i]) end
local most = tonumber(ARGV[7])
if most > 0 and redis.call('ZCARD', KEYS[1]) >= most and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 2 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
for _, entry in ipairs(redis.call('ZRANGE', KEYS[1], 0, 9)) do
  if tonumber(string.match(entry, '%.(%d+)$') or '0') <= tonumber(ARGV[5]) then redis.call('ZREM', KEYS[1], entry) end
end
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
return 1`)

/**
 * Adds a session to the live ones, unless the store has a later epoch. KEYS: epoch, live sessions. ARGV: epoch of the session, id,
 * expiry, now, seconds to keep the live sessions. Returns 1, or 0 for a later epoch.
 */
export const enterLive: RedisScript = createScript(`
local epoch = string.match(redis.call('GET', KEYS[1]) or '0', '^%d+')
if tonumber(epoch) > tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[4], 'LIMIT', 0, 20)) do redis.call('ZREM', KEYS[2], id) end
if redis.call('TTL', KEYS[2]) < tonumber(ARGV[5]) then redis.call('EXPIRE', KEYS[2], ARGV[5]) end
return 1`)

/** Returns entries of an index, oldest first. KEYS: index. ARGV: the number of entries. */
export const listOldest: RedisScript = createScript(`return redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1)`)

/**
 * Returns entries of an index, newest first, from the one after a place. A place whose entry has gone is found by adding it
 * for a moment. KEYS: index. ARGV: createdAt and entry of the place ('' for the beginning), the number of entries.
 */
export const listEntries: RedisScript = createScript(`
local from = 0
if ARGV[2] ~= '' then
  local rank = redis.call('ZREVRANK', KEYS[1], ARGV[2])
  if rank then
    from = rank + 1
  elseif redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
    from = redis.call('ZREVRANK', KEYS[1], ARGV[2])
    redis.call('ZREM', KEYS[1], ARGV[2])
  end
end
return redis.call('ZREVRANGE', KEYS[1], from, from + ARGV[3] - 1, 'WITHSCORES')`)

/** The compare-and-set of a row. KEYS: the session. ARGV: the mark expected, the new text. Returns 1, or the stored text. */
export const replaceSession: RedisScript = createScript(`${readParts}
if not mark then return false end
if mark ~= ARGV[1] or endedAt ~= '' then return value end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1`)

/**
 * Ends a session. KEYS: the session. ARGV: at, reason ('' for none), seconds to keep it.
 * Returns 0 (unknown, or ended and published), 1 (ended now) or 2 (ended before, perhaps not published), when, the member,
 * when it expires, and its epoch.
 * The EXPIRE comes first: Redis does not stop a script for lack of memory once it has written, and this one must not stop.
 */
export const endSession: RedisScript = createScript(`${readParts}
if not mark or told == '1' then return {0, '', '', '', '0'} end
local ok, fields = pcall(cjson.decode, body)
local member, expires, epoch = '', '', '0'
if ok and type(fields) == 'table' then
  member, expires = tostring(fields[2]), string.format('%.0f', tonumber(fields[6]) or 0)
  epoch = string.format('%.0f', tonumber(fields[11]) or 0)
end
if endedAt ~= '' then return {2, endedAt, member, expires, epoch} end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('SET', KEYS[1], mark .. ' ' .. ARGV[1] .. ' ' .. ARGV[2] .. ' \\n' .. body, 'KEEPTTL')
return {1, ARGV[1], member, expires, epoch}`)

/** Marks the end of a session as published. KEYS: the session. */
export const markPublished: RedisScript = createScript(`${readParts}
if not mark or endedAt == '' or told == '1' then return 0 end
redis.call('SET', KEYS[1], mark .. ' ' .. endedAt .. ' ' .. reason .. ' 1\\n' .. body, 'KEEPTTL')
return 1`)

/**
 * Refuses earlier sign-ins of a member. KEYS: cutoff. ARGV: at, issuedUntil, seconds to keep the cutoff. Begins with an
 * EXPIRE for the same reason as `endSession`.
 */
export const refuseSignIns: RedisScript = createScript(`
redis.call('EXPIRE', KEYS[1], ARGV[3])
local before = tonumber(redis.call('HGET', KEYS[1], 'issuedUntil') or '-1')
local issuedUntil = ARGV[2]
if before > tonumber(issuedUntil) then issuedUntil = string.format('%.0f', before) end
redis.call('HSET', KEYS[1], 'issuedUntil', issuedUntil, 'setAt', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1`)

/**
 * Returns the text that adds sessions to the feed of ended ones and to its log, and publishes those that are new. They are no longer
 * live. The log is in the order of the server, whose clock trims it. KEYS: the feed, the log, the live sessions. ARGV: the instant up
 * to which entries of the feed are removed, seconds to keep the feed, channel, sender, then from `first` on id and end of each.
 * Leaves the new ids in `ids`.
 */
function publishFrom(first: number): string {
  return `
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
local news, ids = {ARGV[4]}, {}
local oldest = (tonumber(redis.call('TIME')[1]) - tonumber(ARGV[2])) * 1000
for i = ${first}, #ARGV, 2 do
  redis.call('ZREM', KEYS[3], ARGV[i])
  if redis.call('ZADD', KEYS[1], 'NX', ARGV[i + 1], ARGV[i]) == 1 then
    ids[#ids + 1] = ARGV[i]
    news[#news + 1] = ARGV[i]
    news[#news + 1] = ARGV[i + 1]
    redis.call('XADD', KEYS[2], 'MINID', '~', string.format('%.0f', oldest), '*', 'id', ARGV[i], 'at', ARGV[i + 1])
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
if #ids > 0 then redis.call('PUBLISH', ARGV[3], table.concat(news, ' ')) end`
}

/** Adds sessions to the feed, as `publishFrom` does. Returns the new ids. */
export const publishEnded: RedisScript = createScript(`${publishFrom(5)}
return ids`)

/**
 * Replaces the epoch, if the stored one has the mark expected, and publishes its entry of the feed. KEYS and first ARGV as in
 * `publishFrom`, then the epoch. ARGV: mark expected ('' for no epoch), the new text, seconds to keep it, now, and the entry.
 * Returns how many sessions were live before, or -1 if nothing was replaced. If the number of the epoch stays, they stay too.
 */
export const replaceEpoch: RedisScript = createScript(`
local kept = redis.call('GET', KEYS[4])
local number, mark = string.match(kept or '', '^(%d+) (.*)$')
if (mark or '') ~= ARGV[5] then return -1 end
redis.call('SET', KEYS[4], ARGV[6], 'EX', ARGV[7])
local live = 0
if tonumber(number or '0') < tonumber(string.match(ARGV[6], '^%d+')) then
  live = redis.call('ZCOUNT', KEYS[3], '(' .. ARGV[8], '+inf')
  redis.call('UNLINK', KEYS[3])
end
${publishFrom(9)}
return live`)
