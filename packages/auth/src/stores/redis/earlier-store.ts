import { toEndReason, type Session } from '../../sessions/index.js'
import type { StoredSigningKey } from '../../tokens/index.js'
import { createScript, type RedisArgument } from './commands.js'
import type { RedisConnection } from './connection.js'
import { addToIndex, addToLive } from './insertion.js'
import { toText } from './session-scripts.js'
import { toSigningKey } from './signing-keys.js'
import type { TakeUp } from '../store.js'

/** Reads the signing keys that a version without owners left, oldest first. KEYS: keys, order. */
const listEarlier = createScript(`
local found = {}
local order = redis.pcall('LRANGE', KEYS[2], 0, -1)
if order.err then return found end
for _, kid in ipairs(order) do
  local key = redis.call('HGET', KEYS[1], kid)
  if key then found[#found + 1] = key end
end
return found`)

/**
 * Replaces a session that is a hash by its text, for as long as the hash would have been kept.
 * KEYS: the session. ARGV: text, seconds to keep it if it has no expiry.
 */
const replaceHash = createScript(`
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return 0 end
local left = redis.call('PTTL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1])
if left > 0 then redis.call('PEXPIRE', KEYS[1], left) else redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return 1`)

const scannedAtOnce = 500
const keptSeconds = 7200

/** Reads the signing keys of a version without owners. */
export async function readEarlierKeys({ run, keys }: RedisConnection): Promise<readonly StoredSigningKey[]> {
  const reply = await run(listEarlier, [keys.earlierSigningKeys, keys.earlierSigningKeyOrder], [])
  return Array.isArray(reply) ? reply.map((text) => toSigningKey(String(text))) : []
}

/** Returns how many instances of a version without owners run on this server; 0 if it does not say. */
export async function countEarlierInstances({ nodes, keys }: RedisConnection): Promise<number> {
  const counts = await Promise.all(
    nodes().map(async ({ command }) => {
      // A user who may not ask is no reason to refuse the start.
      const reply = await command('PUBSUB', 'NUMSUB', keys.earlierEndedChannel).catch(() => null)
      return Array.isArray(reply) ? Number(reply[1]) : 0
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

/** Turns every session that is a hash into text, with its mark. A repetition goes on where an earlier run stopped. */
export async function takeUpSessions(
  connection: RedisConnection,
  takeUp: Pick<TakeUp, 'session'>,
  now: number,
): Promise<void> {
  for (const { command } of connection.primaries()) {
    let cursor = '0'
    do {
      const scan = ['MATCH', connection.keys.everySession, 'COUNT', scannedAtOnce, 'TYPE', 'hash']
      const reply = await command('SCAN', cursor, ...scan)
      const [next, names] = Array.isArray(reply) ? reply : []
      await Promise.all(toTexts(names).map((name) => takeUpOne(connection, name, takeUp, now)))
      cursor = String(next ?? '0')
    } while (cursor !== '0')
  }
}

async function takeUpOne(
  connection: RedisConnection,
  name: string,
  takeUp: Pick<TakeUp, 'session'>,
  now: number,
): Promise<void> {
  const { command, run, keys } = connection
  const fields = toMap(await command('HGETALL', name))
  const session = toSession(fields)
  // A name that the id does not give belongs to no session of ours.
  if (session === null || keys.session(session.id) !== name) return
  const row = takeUp.session(session)
  const args: readonly RedisArgument[] = [toText(row, fields.has('endTold')), keptSeconds]
  // Indexed first: a session that is interrupted here is still a hash, and so is found again.
  if (row.endedAt === null) {
    await addToLive(row, now, connection)
    await addToIndex(connection, row, { signInIssuedAt: Infinity, mostSessions: 0, gone: [], now })
  }
  await run(replaceHash, [name], args)
}

function toSession(fields: ReadonlyMap<string, string>): Session | null {
  const id = fields.get('id')
  if (id === undefined) return null
  const number = (name: string) => Number(fields.get(name))
  const numberOrNull = (name: string) => (fields.has(name) ? number(name) : null)
  return {
    id,
    memberId: fields.get('memberId') ?? '',
    userAgent: fields.get('userAgent') ?? null,
    createdAt: number('createdAt'),
    lastUsedAt: number('lastUsedAt'),
    expiresAt: number('expiresAt'),
    generation: number('generation'),
    confirmedAt: numberOrNull('confirmedAt'),
    previousConfirmedAt: numberOrNull('previousConfirmedAt'),
    epoch: 0,
    jkt: null,
    endedAt: numberOrNull('endedAt'),
    endReason: toEndReason(fields.get('endReason')),
    sealedMember: fields.get('sealedMember') ?? null,
  }
}

function toMap(reply: unknown): ReadonlyMap<string, string> {
  const flat = toTexts(reply)
  const fields = new Map<string, string>()
  for (let index = 0; index + 1 < flat.length; index += 2)
    fields.set(flat[index] ?? '', flat[index + 1] ?? '')
  return fields
}

function toTexts(reply: unknown): readonly string[] {
  return Array.isArray(reply) ? reply.map(String) : []
}
