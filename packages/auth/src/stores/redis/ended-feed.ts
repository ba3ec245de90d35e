import type { Clock, Ticker } from '../../base/time.js'
import type { EndedSession } from '../../sessions/index.js'
import { createEndedFeed, endedKeptSeconds, type EndedFeed } from '../ended-sessions.js'
import type { RedisConnection } from './connection.js'
import type { RedisScript } from './commands.js'
import { publishEnded } from './session-scripts.js'

/** The ended sessions that all instances know of. */
export interface RedisEndedFeed {
  /** Stores the sessions that are new to the feed, and sends them to every instance, this one included. */
  publish(ended: readonly EndedSession[]): Promise<void>
  /**
   * Stores and sends entries by another script, which begins with the keys and arguments of `publishEnded`, then takes its own, and then
   * the entries. Returns its reply. If it is done, the listeners of this process get the entries.
   */
  publishBy(script: RedisScript, entries: readonly EndedSession[], own: OwnPart): Promise<unknown>
  /** Yields the sessions that ended at or after this second, some at a time. */
  since(at: number): AsyncGenerator<readonly EndedSession[]>
  readonly subscribe: EndedFeed['subscribe']
  /** Passes on what the log has received since the last call. It does not depend on the subscription, which may be dead. */
  sync(): Promise<void>
  /** Rejects with `AUTH_UNAVAILABLE` while this instance would not receive the sessions that others end. */
  checkSubscribed(): Promise<void>
  close(): void
}

/** The part of a script that `publishBy` runs. */
interface OwnPart {
  readonly places: readonly string[]
  readonly args: readonly (string | number)[]
  readonly isDone: (reply: unknown) => boolean
}

const probeEverySeconds = 5
/** A Cluster may lose a part while this connection stands, so the known sessions are compared now and then anyway. */
const compareEverySeconds = 60
const publishAtOnce = 500

/** Subscribes now. After an interruption the subscribers get `resync`, since messages may have been missed. */
export function createRedisEndedFeed(
  connection: RedisConnection,
  { clock, ticker }: { readonly clock: Clock; readonly ticker: Ticker },
): RedisEndedFeed {
  const feed = createEndedFeed()
  const self = crypto.randomUUID()
  const subscription = connection.channels.subscribe(connection.keys.endedChannel, {
    onMessage: (message) => {
      const [sender, ...rest] = message.split(' ')
      if (sender !== self) feed.publish(toPairs(rest))
    },
    onGap: () => feed.publish('resync'),
  })
  const stops = [
    ticker(probeEverySeconds, () => connection.channels.probe()),
    ticker(compareEverySeconds, () => feed.publish('resync')),
  ]
  const { ended: endedKey, endedLog, liveSessions, endedChannel } = connection.keys
  const places = [endedKey, endedLog, liveSessions]
  const head = () => [Math.floor(clock()) - endedKeptSeconds, endedKeptSeconds, endedChannel, self]
  const publishSome = async (ended: readonly EndedSession[]) => {
    const args = [...head(), ...ended.flatMap(toEntry)]
    const added = new Set(toTexts(await connection.run(publishEnded, places, args)))
    feed.publish(toPairs(ended.filter(({ id }) => added.has(id)).flatMap(toEntry)))
  }
  return {
    async publish(ended) {
      for (let from = 0; from < ended.length; from += publishAtOnce) {
        await publishSome(ended.slice(from, from + publishAtOnce))
      }
    },
    async publishBy(script, entries, own) {
      const args = [...head(), ...own.args, ...entries.flatMap(toEntry)]
      const reply = await connection.run(script, [...places, ...own.places], args)
      if (own.isDone(reply)) feed.publish(entries)
      return reply
    },
    since: (at) =>
      listEnded(connection, Math.max(Math.floor(at), Math.floor(clock()) - endedKeptSeconds + 1)),
    subscribe: (listener) => feed.subscribe(listener),
    sync: createLogReader(connection, (ended) => feed.publish(ended)),
    checkSubscribed: () => subscription.acknowledged(),
    close: () => [() => subscription.stop(), ...stops].forEach((stop) => stop()),
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

const readAtOnce = 1_000
const listedAtOnce = 5_000

/**
 * Yields the entries of the feed from an instant on, in its order. An entry that is added to a part that was read is in the log, and so
 * reaches the listeners.
 */
export async function* listEnded(
  { command, keys }: RedisConnection,
  from: number,
): AsyncGenerator<readonly EndedSession[]> {
  let place = { from, offset: 0 }
  for (;;) {
    const limit = ['WITHSCORES', 'LIMIT', place.offset, listedAtOnce]
    const some = toPairs(toTexts(await command('ZRANGEBYSCORE', keys.ended, place.from, '+inf', ...limit)))
    if (some.length > 0) yield some
    if (some.length < listedAtOnce) return
    const last = some.at(-1)?.endedAt ?? place.from
    const ofLast = some.filter(({ endedAt }) => endedAt === last).length
    place = { from: last, offset: last === place.from ? place.offset + ofLast : ofLast }
  }
}

/** Creates a function that reads the entries that the log has received since its last call. The first call only finds the place. */
function createLogReader(
  { command, keys }: RedisConnection,
  publish: (ended: readonly EndedSession[]) => void,
): () => Promise<void> {
  let last: string | null = null
  const findPlace = async () => {
    const [newest] = toEntries(await command('XREVRANGE', keys.endedLog, '+', '-', 'COUNT', 1))
    return newest?.entry ?? '0-0'
  }
  return async () => {
    if (last === null) {
      last = await findPlace()
      return
    }
    let isMore = true
    while (isMore) {
      const read = await command('XRANGE', keys.endedLog, `(${last}`, '+', 'COUNT', readAtOnce)
      const entries = toEntries(read)
      last = entries.at(-1)?.entry ?? last
      publish(entries.map(({ id, endedAt }) => ({ id, endedAt })))
      isMore = entries.length === readAtOnce
    }
  }
}

/** Reads entries of the log: the number that Redis gave, then names and values. */
function toEntries(reply: unknown): readonly (EndedSession & { readonly entry: string })[] {
  if (!Array.isArray(reply)) return []
  return reply.flatMap((item: unknown) => {
    const [entry, fields] = Array.isArray(item) ? item : []
    const [, id = '', , endedAt = ''] = toTexts(fields)
    return id === '' ? [] : [{ entry: String(entry), id, endedAt: Number(endedAt) }]
  })
}
