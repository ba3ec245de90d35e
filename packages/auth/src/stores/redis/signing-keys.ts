import type { SigningKeyStore, StoredSigningKey } from '../../tokens/index.js'
import { createScript } from './commands.js'
import type { RedisConnection } from './connection.js'

/** The time for which signing keys are kept: far longer than a key is used. Each reading starts it again. */
export const signingKeysKeptSeconds: number = 90 * 86_400

const listKeys = createScript(`
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[1]) end
local found = {}
for _, kid in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  local key = redis.call('HGET', KEYS[1], kid)
  if key then found[#found + 1] = key end
end
return found`)

/** Adds a key if the newest one is as expected. ARGV: kid, the newest kid expected ('' for none), the key, seconds to keep it. */
const addKey = createScript(`
local newest = redis.call('LINDEX', KEYS[2], -1) or ''
if newest ~= ARGV[2] or redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('RPUSH', KEYS[2], ARGV[1])
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[4]) end
return 1`)

/** Replaces the sealed private key. ARGV: kid, the sealed private key. */
const resealKey = createScript(`
local kept = redis.call('HGET', KEYS[1], ARGV[1])
if not kept then return 0 end
local key = cjson.decode(kept)
key.sealedPrivateKey = ARGV[2]
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(key))
return 1`)

/** Removes a key. ARGV: kid. */
const removeKey = createScript(`
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('LREM', KEYS[2], 0, ARGV[1])
return 1`)

/** Creates the signing keys of Redis: a hash of the keys, and a list of their order. */
export function createRedisSigningKeys(connection: RedisConnection): SigningKeyStore {
  const names = connection.keys
  const keys = [names.signingKeys, names.signingKeyOrder]
  // The owner, and what keeps earlier versions out, last as long as the keys.
  const kept = [...keys, names.owner, names.earlierSigningKeyOrder]
  return {
    async list() {
      const reply = await connection.run(listKeys, kept, [signingKeysKeptSeconds])
      return Array.isArray(reply) ? reply.map((text) => toSigningKey(String(text))) : []
    },
    async add({ kid, publicJwk, sealedPrivateKey, createdAt }, newestKid) {
      const kept: StoredSigningKey = { kid, publicJwk, sealedPrivateKey, createdAt: Math.floor(createdAt) }
      const args = [kid, newestKid ?? '', JSON.stringify(kept), signingKeysKeptSeconds]
      return (await connection.run(addKey, keys, args)) === 1
    },
    async reseal(kid, sealedPrivateKey) {
      await connection.run(resealKey, keys, [kid, sealedPrivateKey])
    },
    async remove(kid) {
      await connection.run(removeKey, keys, [kid])
    },
  }
}

/** Reads a key as Redis holds it. */
export function toSigningKey(text: string): StoredSigningKey {
  // Written by `add` and `reseal` above.
  const { kid, publicJwk, sealedPrivateKey, createdAt }: StoredSigningKey = JSON.parse(text)
  return { kid, publicJwk, sealedPrivateKey, createdAt }
}
