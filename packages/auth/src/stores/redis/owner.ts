import type { Clock } from '../../base/time.js'
import type { StoredSigningKey } from '../../tokens/index.js'
import type { StoreOwner } from '../store.js'
import { createScript } from './commands.js'
import type { RedisConnection } from './connection.js'
import { countEarlierInstances, readEarlierKeys, takeUpSessions } from './earlier-store.js'
import { signingKeysKeptSeconds } from './signing-keys.js'

/**
 * Sets the owner unless there is one, and puts the signing keys of an earlier version in their new place. Their old place
 * becomes a text: an instance of that version gets `WRONGTYPE`, and neither reads keys nor adds one. All of them expire
 * together, when nobody has read the keys for so long.
 * KEYS: owner, keys, order, earlier keys, earlier order. ARGV: app id, seconds to keep keys, then kid and key of each.
 * Returns the owner.
 */
const setOwner = createScript(`
local owner = redis.call('GET', KEYS[1])
if owner then return owner end
for i = 3, #ARGV, 2 do
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  redis.call('RPUSH', KEYS[3], ARGV[i])
end
if #ARGV >= 3 then
  redis.call('EXPIRE', KEYS[2], ARGV[2])
  redis.call('EXPIRE', KEYS[3], ARGV[2])
end
redis.call('DEL', KEYS[4])
redis.call('SET', KEYS[5], 'moved', 'EX', ARGV[2])
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return ARGV[1]`)

/** Creates the owner of a Redis store. What is taken up comes before the owner is set, and may be repeated. */
export function createRedisOwner(connection: RedisConnection, clock: Clock): StoreOwner {
  const { keys } = connection
  const read = async () => {
    const owner = await connection.command('GET', keys.owner)
    return typeof owner === 'string' ? owner : null
  }
  return {
    read,
    async claim(appId, takeUp) {
      const owner = await read()
      if (owner !== null) return owner
      const earlier = await readEarlierKeys(connection)
      const taken = takeUp.signingKeys(earlier)
      if (earlier.length > 0) await refuseEarlierInstances(connection)
      if (taken.length > 0) await takeUpSessions(connection, takeUp, Math.floor(clock()))
      const names = [keys.owner, keys.signingKeys, keys.signingKeyOrder]
      const places = [...names, keys.earlierSigningKeys, keys.earlierSigningKeyOrder]
      const args = [appId, signingKeysKeptSeconds, ...taken.flatMap(toArguments)]
      return String(await connection.run(setOwner, places, args))
    },
    readEarlierKeys: async () => ((await read()) === null ? await readEarlierKeys(connection) : []),
  }
}

function toArguments({ kid, publicJwk, sealedPrivateKey, createdAt }: StoredSigningKey): readonly string[] {
  return [kid, JSON.stringify({ kid, publicJwk, sealedPrivateKey, createdAt })]
}

async function refuseEarlierInstances(connection: RedisConnection): Promise<void> {
  const count = await countEarlierInstances(connection)
  if (count === 0) return
  const who = count === 1 ? 'an instance' : `${count} instances`
  throw new Error(
    `The Redis store is in use by ${who} of an earlier version: stop all instances on this server, then start this version. Nobody is signed out.`,
  )
}
