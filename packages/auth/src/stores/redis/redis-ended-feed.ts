import type { Clock, Ticker } from '../../base/time.js'
import type { EndedSession } from '../../sessions/index.js'
import { createEndedFeed, type EndedFeed } from '../ended-feed.js'
import { endedKeptSeconds } from '../retention.js'
import type { RedisConnection } from './redis-connection.js'
import { redisChannels, redisKeys } from './redis-keys.js'
import { tellEnded } from './session-scripts.js'

/** The ended sessions that all instances know of. */
export interface RedisEndedFeed {
  /** Keeps what is new and tells every instance, this one included. */
  tell(ended: readonly EndedSession[]): Promise<void>
  since(at: number): Promise<readonly EndedSession[]>
  readonly watch: EndedFeed['watch']
  /** Rejects with `AUTH_UNAVAILABLE` while this instance would not hear of sessions that others end. */
  checkHearing(): Promise<void>
  close(): void
}

const probeEverySeconds = 5
/** A Cluster may lose a part without this connection breaking: what is known is compared now and then anyway. */
const compareEverySeconds = 60
const tellAtOnce = 500

/** Listens from now on; what was missed while the connection was away is told as `resync` when it stands again. */
export function createRedisEndedFeed(
  connection: RedisConnection,
  { clock, ticker }: { readonly clock: Clock; readonly ticker: Ticker },
): RedisEndedFeed {
  const feed = createEndedFeed()
  const self = crypto.randomUUID()
  const hearing = connection.listener.hear(redisChannels.ended, {
    onMessage: (message) => {
      const [teller, ...rest] = message.split(' ')
      if (teller !== self) feed.tell(toPairs(rest))
    },
    onGap: () => feed.tell('resync'),
  })
  const stops = [
    ticker(probeEverySeconds, () => connection.listener.probe()),
    ticker(compareEverySeconds, () => feed.tell('resync')),
  ]
  const tellSome = async (ended: readonly EndedSession[]) => {
    const over = Math.floor(clock()) - endedKeptSeconds
    const args = [over, endedKeptSeconds, redisChannels.ended, self, ...ended.flatMap(toEntry)]
    const added = new Set(toTexts(await connection.run(tellEnded, [redisKeys.ended], args)))
    feed.tell(toPairs(ended.filter(({ id }) => added.has(id)).flatMap(toEntry)))
  }
  return {
    async tell(ended) {
      for (let from = 0; from < ended.length; from += tellAtOnce) {
        await tellSome(ended.slice(from, from + tellAtOnce))
      }
    },
    async since(at) {
      const from = Math.max(Math.floor(at), Math.floor(clock()) - endedKeptSeconds + 1)
      return toPairs(
        toTexts(await connection.command('ZRANGEBYSCORE', redisKeys.ended, from, '+inf', 'WITHSCORES')),
      )
    },
    watch: (listener) => feed.watch(listener),
    checkHearing: () => hearing.heard(),
    close: () => [() => hearing.stop(), ...stops].forEach((stop) => stop()),
  }
}

function toTexts(reply: unknown): readonly string[] {
  return Array.isArray(reply) ? reply.map(String) : []
}

function toEntry({ id, endedAt }: EndedSession): [string, string] {
  return [id, String(Math.floor(endedAt))]
}

function toPairs(flat: readonly string[]): readonly EndedSession[] {
  const pairs: EndedSession[] = []
  for (let index = 0; index + 1 < flat.length; index += 2) {
    pairs.push({ id: flat[index] ?? '', endedAt: Number(flat[index + 1]) })
  }
  return pairs
}
