import { systemTicker } from '../base/time.js'
import {
  advanced,
  confirmed,
  isLive,
  type EndAll,
  type EndedSession,
  type Session,
  type SessionEndReason,
  type SessionStore,
} from '../sessions/index.js'
import type { SigningKeyStore, StoredSigningKey } from '../tokens/index.js'
import { createEndedFeed, endedKeptSeconds, signInCutoffKeptSeconds } from './ended-sessions.js'
import { sweepEverySeconds, type Store, type StoreOptions } from './store.js'

/** Creates a `memory:` store: for one process, and lost when it ends. Every method runs in one turn, so it is atomic. */
export function createMemoryStore({ clock, ticker = systemTicker }: StoreOptions): Store {
  const tables: Tables = { sessions: new Map(), idsOf: new Map(), ended: new Map(), cutoffs: new Map() }
  const messages = new Map<string, number>()
  const stopSweeping = ticker(sweepEverySeconds, () => {
    const now = clock()
    sweep(tables, now)
    for (const [id, forgetAt] of messages) if (forgetAt <= now) messages.delete(id)
  })
  return {
    sessions: { ...createRotation(tables), ...createEnding(tables) },
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
  readonly sessions: Map<string, Session>
  readonly idsOf: Map<string, Set<string>>
  readonly ended: Map<string, number>
  readonly cutoffs: Map<string, { readonly issuedUntil: number; readonly setAt: number }>
}

type Rotation = Pick<SessionStore, 'create' | 'read' | 'advance' | 'confirm' | 'listOf'>

function createRotation(tables: Tables): Rotation {
  const { sessions, idsOf, cutoffs } = tables
  const put = (session: Session) => {
    sessions.set(session.id, session)
    return session
  }
  return {
    create: async (session, signInIssuedAt) => {
      const cutoff = cutoffs.get(session.memberId)
      if (cutoff !== undefined && signInIssuedAt <= cutoff.issuedUntil) return 'refused'
      put(inWholeSeconds(session))
      const ids = idsOf.get(session.memberId) ?? new Set()
      idsOf.set(session.memberId, ids.add(session.id))
      return 'created'
    },
    read: async (id) => sessions.get(id) ?? null,
    advance: async (change) => {
      const session = sessions.get(change.id)
      const next = session && advanced(session, change)
      return next ? { applied: true, session: put(next) } : { applied: false, session: session ?? null }
    },
    confirm: async (id, generation, at) => {
      const session = sessions.get(id)
      const next = session && confirmed(session, generation, at)
      if (next) put(next)
    },
    listOf: async (memberId, at) => liveOf(tables, memberId, at),
  }
}

function createEnding(tables: Tables): Omit<SessionStore, keyof Rotation> {
  const { sessions, ended } = tables
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
    endAllOf: async (request) => {
      const at = Math.floor(request.at)
      refuseSignIns(tables, request, at)
      const live = liveOf(tables, request.memberId, at)
      for (const session of live) endOne(tables, session, request.reason, at)
      feed.publish(live.map(({ id }) => ({ id, endedAt: at })))
      return live.map(({ id }) => id)
    },
    endedSince: async (at) =>
      [...ended].filter(([, endedAt]) => endedAt >= at).map(([id, endedAt]) => ({ id, endedAt })),
    watchEnded: (listener) => feed.subscribe(listener),
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

function endOne(tables: Tables, session: Session, reason: SessionEndReason | null, at: number): void {
  tables.sessions.set(session.id, { ...session, endedAt: at, endReason: reason })
  tables.ended.set(session.id, at)
}

function liveOf({ sessions, idsOf }: Tables, memberId: string, at: number): readonly Session[] {
  return [...(idsOf.get(memberId) ?? [])]
    .map((id) => sessions.get(id))
    .filter((session) => session !== undefined)
    .filter((session) => isLive(session, at))
    .toReversed()
    .toSorted((a, b) => b.createdAt - a.createdAt)
}

function refuseSignIns({ cutoffs }: Tables, request: EndAll, at: number): void {
  const { memberId, refuseSignInsIssuedUntil } = request
  if (refuseSignInsIssuedUntil === undefined) return
  const before = cutoffs.get(memberId)?.issuedUntil ?? -Infinity
  cutoffs.set(memberId, { issuedUntil: Math.max(before, Math.floor(refuseSignInsIssuedUntil)), setAt: at })
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

function forget({ sessions, idsOf }: Tables, { id, memberId }: Session): void {
  sessions.delete(id)
  const ids = idsOf.get(memberId)
  ids?.delete(id)
  if (ids?.size === 0) idsOf.delete(memberId)
}

function inWholeSeconds(session: Session): Session {
  return {
    ...session,
    createdAt: Math.floor(session.createdAt),
    lastUsedAt: Math.floor(session.lastUsedAt),
    expiresAt: Math.floor(session.expiresAt),
  }
}
