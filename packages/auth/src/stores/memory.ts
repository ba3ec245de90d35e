import { systemTicker } from '../base/time.js'
import {
  isLive,
  type EndedSession,
  type ListRequest,
  type Page,
  type SessionEndReason,
  type SessionRow,
  type SessionRows,
} from '../sessions/index.js'
import type { SigningKeyStore, StoredSigningKey } from '../tokens/index.js'
import { createMemberIndex, type MemberIndex } from './member-index.js'
import { createEndedFeed, endedKeptSeconds, signInCutoffKeptSeconds } from './ended-sessions.js'
import { sweepEverySeconds, type Store, type StoreOptions, type StoreOwner } from './store.js'

/** Creates a `memory:` store: for one process, and lost when it ends. Every method runs in one turn, so it is atomic. */
export function createMemoryStore({ clock, ticker = systemTicker }: StoreOptions): Store {
  const tables: Tables = {
    sessions: new Map(),
    members: createMemberIndex(),
    ended: new Map(),
    cutoffs: new Map(),
  }
  const messages = new Map<string, number>()
  const stopSweeping = ticker(sweepEverySeconds, () => {
    const now = clock()
    sweep(tables, now)
    for (const [id, forgetAt] of messages) if (forgetAt <= now) messages.delete(id)
  })
  return {
    name: 'memory:',
    owner: createOwner(),
    sessions: { ...createRows(tables), ...createEnding(tables) },
    signingKeys: createSigningKeys(),
    webhookLog: {
      isDone: async (messageId) => messages.has(messageId),
      markDone: async (messageId, forgetAt) => {
        messages.set(messageId, Math.max(forgetAt, messages.get(messageId) ?? 0))
      },
    },
    check: async () => {},
    close: async () => stopSweeping(),
  }
}

function createOwner(): StoreOwner {
  let owner: string | null = null
  return {
    read: async () => owner,
    claim: async (appId) => (owner ??= appId),
    readEarlierKeys: async () => [],
  }
}

function createSigningKeys(): SigningKeyStore {
  const keys: StoredSigningKey[] = []
  const indexOf = (kid: string) => keys.findIndex((key) => key.kid === kid)
  return {
    list: async () => [...keys],
    add: async (key, newestKid) => {
      if ((keys.at(-1)?.kid ?? null) !== newestKid || indexOf(key.kid) >= 0) return false
      keys.push({ ...key, createdAt: Math.floor(key.createdAt) })
      return true
    },
    reseal: async (kid, sealedPrivateKey) => {
      const index = indexOf(kid)
      const key = keys[index]
      if (key) keys[index] = { ...key, sealedPrivateKey }
    },
    remove: async (kid) => {
      const index = indexOf(kid)
      if (index >= 0) keys.splice(index, 1)
    },
  }
}

interface Tables {
  readonly sessions: Map<string, SessionRow>
  /** The sessions that have not ended. */
  readonly members: MemberIndex
  readonly ended: Map<string, number>
  readonly cutoffs: Map<string, { readonly issuedUntil: number; readonly setAt: number }>
}

type Rows = Pick<SessionRows, 'insert' | 'read' | 'replace' | 'list'>

function createRows(tables: Tables): Rows {
  const { sessions, members, cutoffs } = tables
  return {
    insert: async (row, signInIssuedAt) => {
      const cutoff = cutoffs.get(row.memberId)
      if (cutoff !== undefined && signInIssuedAt <= cutoff.issuedUntil) return 'refused'
      sessions.set(row.id, row)
      members.add(row)
      return 'created'
    },
    read: async (id) => sessions.get(id) ?? null,
    replace: async (row, expected) => {
      const stored = sessions.get(row.id)
      if (stored?.mark !== expected || stored.endedAt !== null) return stored ?? null
      sessions.set(row.id, row)
      return 'replaced'
    },
    list: async (request) => listOf(tables, request),
  }
}

function createEnding(tables: Tables): Omit<SessionRows, keyof Rows> {
  const { sessions, ended, cutoffs } = tables
  const feed = createEndedFeed()
  return {
    end: async (id, reason, atOrLater) => {
      const session = sessions.get(id)
      if (!session || session.endedAt !== null) return false
      const at = Math.floor(atOrLater)
      endOne(tables, session, reason, at)
      feed.publish([{ id, endedAt: at }])
      return true
    },
    refuseSignIns: async ({ memberId, issuedUntil, at }) => {
      const before = cutoffs.get(memberId)?.issuedUntil ?? -Infinity
      cutoffs.set(memberId, { issuedUntil: Math.max(before, Math.floor(issuedUntil)), setAt: Math.floor(at) })
    },
    endSomeOf: async ({ memberId, reason, at: atOrLater, limit }) => {
      const at = Math.floor(atOrLater)
      const some = liveOf(tables, { memberId, at, limit }).map(({ session }) => session)
      for (const session of some) endOne(tables, session, reason, at)
      feed.publish(some.map(({ id }) => ({ id, endedAt: at })))
      return some.map(({ id }) => id)
    },
    endedSince: async (at) =>
      [...ended].filter(([, endedAt]) => endedAt >= at).map(([id, endedAt]) => ({ id, endedAt })),
    watchEnded: (listener) => feed.subscribe(listener),
    syncEnded: async () => {},
    restoreEnded: async (known) => {
      const news: EndedSession[] = []
      for (const { id, endedAt: atOrLater } of known) {
        const endedAt = Math.floor(atOrLater)
        const session = sessions.get(id)
        if (session?.endedAt === null) endOne(tables, session, null, endedAt)
        else if (!ended.has(id)) ended.set(id, endedAt)
        else continue
        news.push({ id, endedAt })
      }
      feed.publish(news)
    },
  }
}

function endOne(tables: Tables, session: SessionRow, reason: SessionEndReason | null, at: number): void {
  tables.sessions.set(session.id, { ...session, endedAt: at, endReason: reason })
  tables.members.remove(session)
  tables.ended.set(session.id, at)
}

function listOf(tables: Tables, request: ListRequest): Page<SessionRow> {
  const { limit } = request
  const live = liveOf(tables, { ...request, limit: limit + 1 })
  const page = live.slice(0, limit)
  const next = live.length > limit ? (page.at(-1)?.place ?? null) : null
  return { sessions: page.map(({ session }) => session), next }
}

function liveOf({ sessions, members }: Tables, { memberId, at, limit, after = null }: ListRequest) {
  const live: { readonly session: SessionRow; readonly place: string }[] = []
  for (const { id, place } of members.newestFirst(memberId, after)) {
    const session = sessions.get(id)
    if (session && isLive(session, at)) live.push({ session, place })
    if (live.length === limit) break
  }
  return live
}

function sweep(tables: Tables, now: number): void {
  const { sessions, ended, cutoffs } = tables
  const endedBefore = now - endedKeptSeconds
  for (const session of sessions.values()) {
    const endedAt = session.endedAt ?? Infinity
    if (session.expiresAt <= now || endedAt <= endedBefore) forget(tables, session)
  }
  for (const [id, endedAt] of ended) if (endedAt <= endedBefore) ended.delete(id)
  for (const [memberId, { setAt }] of cutoffs) {
    if (setAt <= now - signInCutoffKeptSeconds) cutoffs.delete(memberId)
  }
}

function forget({ sessions, members }: Tables, session: SessionRow): void {
  sessions.delete(session.id)
  members.remove(session)
}
