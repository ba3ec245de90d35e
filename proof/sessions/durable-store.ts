import type { Clock } from '../../packages/auth/src/base/time.ts'
import type { EndedSession, SessionRow, SessionRows } from '../../packages/auth/src/sessions/session-store.ts'
import { createMemoryStore } from '../../packages/auth/src/stores/memory.ts'
import type { Store } from '../../packages/auth/src/stores/store.ts'

type Write<T> = (rows: SessionRows) => Promise<T>

/** The real memory store, with one session in it, which can fall back to the state before its last write. */
export interface DurableStore {
  readonly current: () => Store
  /** Carries out a call, and remembers it if it changed the session. */
  readonly carryOut: <T>(write: Write<T>) => Promise<T>
  readonly row: () => Promise<SessionRow>
  /** The session before the last write; null if there was none. */
  readonly rowBefore: () => SessionRow | null
  readonly loseLastWrite: () => Promise<void>
}

/** Creates the store. `onEnded` gets the news that the store publishes. */
export async function createDurableStore(
  session: SessionRow,
  clock: Clock,
  onEnded: (news: readonly EndedSession[] | 'resync') => void,
): Promise<DurableStore> {
  const writes: Write<unknown>[] = []
  let before: SessionRow | null = null
  let store = await fill(session, clock, writes)
  store.sessions.watchEnded(onEnded)

  const row = async (): Promise<SessionRow> => {
    const found = await store.sessions.read(session.id)
    if (!found) throw new Error('the session is gone')
    return found
  }
  return {
    current: () => store,
    row,
    rowBefore: () => before,
    carryOut: async (write) => {
      const old = await row()
      const result = await write(store.sessions)
      if ((await row()) !== old) {
        writes.push(write)
        before = old
      }
      return result
    },
    loseLastWrite: async () => {
      writes.pop()
      before = null
      store = await fill(session, clock, writes)
      store.sessions.watchEnded(onEnded)
      onEnded('resync')
    },
  }
}

/** Makes a store by all the writes that it has seen. */
async function fill(session: SessionRow, clock: Clock, writes: readonly Write<unknown>[]): Promise<Store> {
  // Nothing is swept: sessions that are over are read as such for as long as a history lasts.
  const store = createMemoryStore({ clock, ticker: () => () => {} })
  await store.sessions.insert(session, { issuedAt: session.createdAt, mostSessions: 100 })
  for (const write of writes) await write(store.sessions)
  return store
}
