import { createScript, type RedisScript } from './redis-script.js'

/** KEYS: the session. ARGV: seconds to keep it, then its fields. */
export const createSession: RedisScript = createScript(`
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1`)

/**
 * Puts a session that exists by now into its member's index, unless his sign-in is refused. Whoever refuses reads the
 * index in the same step as he refuses, so that one of the two always meets the other.
 * KEYS: index, cutoff. ARGV: id, expiresAt, signInIssuedAt, seconds to keep the index, index entries over at, cutoffs
 * over when set at.
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

/** The compare-and-set of a rotation. KEYS: the session. ARGV: from, to, at, sealed member ('' keeps the old one). */
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

/** The first sight of a generation. KEYS: the session. ARGV: generation, at. */
export const confirmSession: RedisScript = createScript(`
local s = redis.call('HMGET', KEYS[1], 'generation', 'endedAt', 'confirmedAt')
if not s[1] or s[2] then return 0 end
local kept, seen = tonumber(s[1]), tonumber(ARGV[1])
if seen > kept then
  local previous = ARGV[2]
  if s[3] and seen == kept + 1 then previous = s[3] end
  redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'confirmedAt', ARGV[2], 'previousConfirmedAt', previous,
    'lastUsedAt', ARGV[2])
elseif seen == kept and not s[3] then
  redis.call('HSET', KEYS[1], 'confirmedAt', ARGV[2])
end
return 1`)

/**
 * Ends a session. KEYS: the session. ARGV: at, reason ('' for none), seconds to keep it.
 * Returns 0 (unknown, or ended and told), 1 (ended now) or 2 (ended before, perhaps untold), when, and the member.
 * The EXPIRE comes first: a script that has begun to write is not stopped for want of memory, and an end must not be.
 */
export const endSession: RedisScript = createScript(`
local s = redis.call('HMGET', KEYS[1], 'memberId', 'endedAt', 'endTold')
if not s[1] or s[3] then return {0, '', ''} end
if s[2] then return {2, s[2], s[1]} end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('HSET', KEYS[1], 'endedAt', ARGV[1])
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'endReason', ARGV[2]) end
return {1, ARGV[1], s[1]}`)

/** Notes that the feed has a session's end. KEYS: the session. */
export const noteTold: RedisScript = createScript(`
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'endTold', '1') end
return 1`)

/**
 * Refuses sign-ins (where ARGV[2] is not '') and lists what had signed in before. KEYS: index, cutoff.
 * ARGV: at, issuedUntil, seconds to keep the cutoff. Begins with an EXPIRE for the same reason as the end of a session.
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
 * Adds to the feed of ended sessions what it does not know, and tells all instances. KEYS: the feed.
 * ARGV: entries over at, seconds to keep the feed, channel, who tells, then id and when for each. Returns the new ids.
 */
export const tellEnded: RedisScript = createScript(`
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
