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
import { createEndedFeed } from './ended-feed.js'
import { endedKeptSeconds, signInCutoffKeptSeconds } from './retention.js'

/** Sessions in this process's memory; gone when it ends. */
export interface MemorySessions extends SessionStore {
  /** Forgets what is over at `now`. */
  sweep(now: number): void
}

interface Tables {
  readonly sessions: Map<string, Session>
  readonly idsOf: Map<string, Set<string>>
  readonly ended: Map<string, number>
  readonly cutoffs: Map<string, { readonly issuedUntil: number; readonly setAt: number }>
}

/** The sessions of a `memory:` store. Every method runs to its end in one turn, which is what makes it atomic. */
export function createMemorySessions(): MemorySessions {
  const tables: Tables = { sessions: new Map(), idsOf: new Map(), ended: new Map(), cutoffs: new Map() }
  return { ...createRotation(tables), ...createEnding(tables), sweep: (now) => sweep(tables, now) }
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
      feed.tell([{ id, endedAt: at }])
      return true
    },
    endAllOf: async (request) => {
      const at = Math.floor(request.at)
      refuseSignIns(tables, request, at)
      const live = liveOf(tables, request.memberId, at)
      for (const session of live) endOne(tables, session, request.reason, at)
      feed.tell(live.map(({ id }) => ({ id, endedAt: at })))
      return live.map(({ id }) => id)
    },
    endedSince: async (at) =>
      [...ended].filter(([, endedAt]) => endedAt >= at).map(([id, endedAt]) => ({ id, endedAt })),
    watchEnded: (listener) => feed.watch(listener),
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
      feed.tell(news)
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
