import type { Clock } from '../../base/time.js'
import { toEpochEntry, type SessionRows, type StoredEpoch } from '../../sessions/index.js'
import { signInCutoffKeptSeconds } from '../ended-sessions.js'
import type { RedisConnection } from './connection.js'
import type { RedisEndedFeed } from './ended-feed.js'
import { replaceEpoch } from './session-scripts.js'

/** The epoch is kept for as long as a refusal of sign-ins: no session and no member JWT from before it lives longer. */
const keptSeconds = signInCutoffKeptSeconds

/** Reads the epoch of the store; null if it has none. */
export async function readEpoch({ command, keys }: RedisConnection): Promise<StoredEpoch | null> {
  const [, epoch = '', mark = ''] = /^(\d+) (.*)$/.exec(String(await command('GET', keys.epoch))) ?? []
  return epoch === '' ? null : { epoch: Number(epoch), mark }
}

/** Returns the number of the epoch of the store. */
export async function readPresentEpoch(connection: RedisConnection): Promise<number> {
  return (await readEpoch(connection))?.epoch ?? 0
}

/** Creates the epoch of a Redis store. It is on the node of the feed, so that one script replaces and publishes it. */
export function createRedisEpoch({
  connection,
  feed,
  clock,
}: {
  readonly connection: RedisConnection
  readonly feed: Pick<RedisEndedFeed, 'publishBy'>
  readonly clock: Clock
}): Pick<SessionRows, 'readEpoch' | 'replaceEpoch'> {
  return {
    readEpoch: () => readEpoch(connection),
    async replaceEpoch({ next, expected, at }) {
      const { epoch, mark } = next
      const args = [expected ?? '', `${epoch} ${mark}`, keptSeconds, Math.floor(clock())]
      const live = await feed.publishBy(replaceEpoch, [toEpochEntry(next, at)], {
        places: [connection.keys.epoch],
        args,
        isDone: (reply) => Number(reply) >= 0,
      })
      return Number(live) < 0 ? null : Number(live)
    },
  }
}
