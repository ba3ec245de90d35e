import { createScript, type RedisScript } from '../redis/redis-script.js'

/**
 * Keeps a session, unless what is there is as new or newer: an end outweighs everything, then the higher generation counts,
 * then whether that was seen in use. KEYS: the session. ARGV: seconds to keep it, generation, endedAt and confirmedAt
 * ('' for none), then its fields. Returns 1 (written), 0 (left alone) or -1 (left alone,
 * and ended there).
 */
export const putSession: RedisScript = createScript(`
local kept = redis.call('HMGET', KEYS[1], 'generation', 'endedAt', 'confirmedAt')
if kept[2] then return -1 end
if kept[1] and ARGV[3] == '' then
  local was, is = tonumber(kept[1]), tonumber(ARGV[2])
  if was > is then return 0 end
  if was == is then
    if kept[3] or ARGV[4] == '' then return 0 end
    redis.call('HSET', KEYS[1], 'confirmedAt', ARGV[4])
    return 1
  end
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 5))
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1`)

/** Refuses a member's earlier sign-ins, unless later ones are refused already. KEYS: cutoff. ARGV: issuedUntil, setAt, seconds to keep it. */
export const putCutoff: RedisScript = createScript(`
local kept = redis.call('HMGET', KEYS[1], 'issuedUntil', 'setAt')
if kept[1] and tonumber(kept[1]) >= tonumber(ARGV[1]) then return 0 end
local setAt = ARGV[2]
if kept[2] and tonumber(kept[2]) > tonumber(setAt) then setAt = kept[2] end
redis.call('HSET', KEYS[1], 'issuedUntil', ARGV[1], 'setAt', setAt)
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
return 1`)

/** Notes that a move began; one that began before keeps its instant. KEYS: the move. ARGV: now, seconds to keep it. */
export const beginMove: RedisScript = createScript(`
redis.call('HSETNX', KEYS[1], 'startedAt', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1`)
