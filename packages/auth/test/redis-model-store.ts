import { setTimeout as sleep } from 'node:timers/promises'
import type { EndedSession, SessionStore } from '../src/sessions/session-store.js'
import { openStore } from '../src/stores/index.js'
import { createTestWorld, type TestWorld } from '../src/stores/store-world.contract.js'
import type { Store } from '../src/stores/store.js'
import type { RedisServer } from './redis-server.js'

/** One real Redis under many histories. */
export interface RedisModelStore {
  /** Empties it for a history; instances open it as often as they like. */
  begin(): Promise<{ readonly world: TestWorld; open(): Promise<Store> }>
  /** Breaks the connections that listen: what is told meanwhile is missed, and must be made good. */
  cutListeners(): Promise<void>
  /** Breaks the connections that ask; returns when they stand again. */
  cutCommands(): Promise<void>
  forgetScripts(): Promise<void>
}

/** Ends that the set of ended sessions holds are older than this only where nobody need know them, in seconds. */
const knownSeconds = 3600
/** Far longer than a message takes; whoever has not heard by then is found by the checks of the history. */
const longestMs = 3_000

/** @param redis - all of it is this one's */
export function createRedisModelStore(redis: RedisServer): RedisModelStore {
  const instances = new Set<{ readonly store: Store; readonly heard: ReadonlySet<string> }>()

  const open = async (world: TestWorld): Promise<Store> => {
    const store = await openStore(redis.url, world)
    const { sessions, heard } = noteHeard(store.sessions)
    const instance = { store, heard }
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
  /** Time stands still in these worlds, and messages take some: waits for those that are on their way. */
  const untilAllHeard = async (now: number) => {
    const ended = await redis.admin.zrangebyscore('perennial:{ended}', now - knownSeconds, '+inf')
    await within(longestMs, () => [...instances].every(({ heard }) => ended.every((id) => heard.has(id))))
  }
  return {
    async begin() {
      await redis.admin.flushall()
      const inner = createTestWorld()
      const world: TestWorld = {
        get now() {
          return inner.now
        },
        clock: inner.clock,
        ticker: inner.ticker,
        pass: async (seconds) => {
          await inner.pass(seconds)
          await untilAllHeard(inner.now)
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

/** Sessions whose news of ended ones are noted, once whoever listens has them. */
function noteHeard(real: SessionStore): {
  readonly sessions: SessionStore
  readonly heard: ReadonlySet<string>
} {
  const heard = new Set<string>()
  const note = (ended: readonly EndedSession[]) => ended.forEach(({ id }) => heard.add(id))
  return {
    heard,
    sessions: {
      ...real,
      async endedSince(at) {
        const ended = await real.endedSince(at)
        note(ended)
        return ended
      },
      watchEnded: (listener) =>
        real.watchEnded((news) => {
          listener(news)
          if (news !== 'resync') note(news)
        }),
    },
  }
}

async function within(milliseconds: number, holds: () => boolean | Promise<boolean>): Promise<void> {
  const until = performance.now() + milliseconds
  while (!(await holds()) && performance.now() < until) await sleep(1)
}
