import { setTimeout as sleep } from 'node:timers/promises'
import type { EndedSession, SessionRows } from '../../src/sessions/session-store.js'
import { openStore } from '../../src/stores/index.js'
import { createFakeTime, type FakeTime } from './fake-time.js'
import type { Store } from '../../src/stores/store.js'
import type { RedisServer } from './redis.js'

/** A real Redis for many histories, one after the other. */
export interface RedisModelStore {
  /** Empties it for a history. Instances may open it any number of times. */
  begin(): Promise<{ readonly world: FakeTime; open(): Promise<Store> }>
  /** Closes the connections that subscribe. The messages sent meanwhile are lost to them. */
  cutListeners(): Promise<void>
  /** Closes the connections that send commands. Resolves when they are open again. */
  cutCommands(): Promise<void>
  forgetScripts(): Promise<void>
}

/** Sessions that ended longer ago need not be known to any instance, in seconds. */
const knownSeconds = 3600
/** Far longer than a message takes. The checks of the history find an instance that has not received it by then. */
const longestMs = 3_000

/** @param redis - a server that nothing else uses */
export function createRedisModelStore(redis: RedisServer): RedisModelStore {
  const instances = new Set<{ readonly store: Store; readonly received: ReadonlySet<string> }>()

  const open = async (world: FakeTime): Promise<Store> => {
    const store = await openStore(redis.url, world)
    const { sessions, received } = recordEnded(store.sessions)
    const instance = { store, received }
    instances.add(instance)
    return {
      ...store,
      sessions,
      close: async () => {
        instances.delete(instance)
        await store.close()
      },
    }
  }
  /** Messages take real time, and the time of the test stands still: waits for the messages on their way. */
  const untilAllReceived = async (now: number) => {
    const ended = await redis.admin.zrangebyscore('perennial:{ended}', now - knownSeconds, '+inf')
    await within(longestMs, () =>
      [...instances].every(({ received }) => ended.every((id) => received.has(id))),
    )
  }
  return {
    async begin() {
      await redis.admin.flushall()
      const inner = createFakeTime()
      const world: FakeTime = {
        ...inner,
        get now() {
          return inner.now
        },
        pass: async (seconds) => {
          await inner.pass(seconds)
          await untilAllReceived(inner.now)
        },
      }
      return { world, open: () => open(world) }
    },
    async cutListeners() {
      await redis.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    },
    async cutCommands() {
      await redis.admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      const answers = ({ store }: { readonly store: Store }) =>
        store.sessions.read('nobody').then(
          () => true,
          () => false,
        )
      await within(longestMs, async () => (await Promise.all([...instances].map(answers))).every(Boolean))
    },
    async forgetScripts() {
      await redis.admin.script('FLUSH')
    },
  }
}

/** Wraps sessions, and records the ended ones that a listener has received. */
function recordEnded(real: SessionRows): {
  readonly sessions: SessionRows
  readonly received: ReadonlySet<string>
} {
  const received = new Set<string>()
  const record = (ended: readonly EndedSession[]) => ended.forEach(({ id }) => received.add(id))
  return {
    received,
    sessions: {
      ...real,
      async *endedSince(at) {
        for await (const ended of real.endedSince(at)) {
          record(ended)
          yield ended
        }
      },
      watchEnded: (listener) =>
        real.watchEnded((news) => {
          listener(news)
          if (news !== 'resync') record(news)
        }),
    },
  }
}

async function within(milliseconds: number, holds: () => boolean | Promise<boolean>): Promise<void> {
  const until = performance.now() + milliseconds
  while (!(await holds()) && performance.now() < until) await sleep(1)
}
