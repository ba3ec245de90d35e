import { createPagedMap, type PagedMap } from '../base/paged-map.js'
import { forEachInSlices, inSlices } from '../base/slices.js'
import { shareRun } from '../base/single-flight.js'
import { systemTicker } from '../base/time.js'
import {
  beginningOf,
  isLive,
  surplusOf,
  toEpochEntry,
  type EndedSession,
  type ListRequest,
  type Page,
  type SessionEndReason,
  type SessionRow,
  type SessionRows,
  type StoredEpoch,
} from '../sessions/index.js'
import { createMemberIndex, type MemberIndex } from './member-index.js'
import { createOwner, createSigningKeys } from './memory-identity.js'
import {
  createEndedFeed,
  endedKeptSeconds,
  signInCutoffKeptSeconds,
  type EndedFeed,
} from './ended-sessions.js'
import { sweepEverySeconds, type Store, type StoreOptions } from './store.js'

/** Creates a `memory:` store: for one process, and lost when it ends. Every method runs in one turn, so it is atomic. */
export function createMemoryStore({ clock, ticker = systemTicker }: StoreOptions): Store {
  const tables: Tables = {
    sessions: createPagedMap(),
    members: createMemberIndex(),
    ended: createPagedMap(),
    cutoffs: new Map(),
    epoch: null,
  }
  const messages = new Map<string, number>()
  const feed = createEndedFeed()
  const sweepAll = shareRun(async () => {
    const now = clock()
    await sweep(tables, now)
    for (const [id, forgetAt] of messages) if (forgetAt <= now) messages.delete(id)
  })
  const stopSweeping = ticker(sweepEverySeconds, () => void sweepAll())
  return {
    name: 'memory:',
    owner: createOwner(),
    sessions: {
      ...createRows(tables, feed, clock),
      ...createEnding(tables, feed),
      ...createEpoch(tables, feed),
    },
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

interface Tables {
  /** The end of a session is written in its place, so rows are copied on their way in and out. */
  readonly sessions: PagedMap<Writable<SessionRow>>
  /** The sessions of the present epoch that have not ended. */
  members: MemberIndex
  epoch: StoredEpoch | null
  readonly ended: PagedMap<number>
  readonly cutoffs: Map<string, { readonly issuedUntil: number; readonly setAt: number }>
}

type Writable<Row> = { -readonly [Field in keyof Row]: Row[Field] }
type Rows = Pick<SessionRows, 'insert' | 'read' | 'replace' | 'list'>
type Epoch = Pick<SessionRows, 'readEpoch' | 'replaceEpoch'>

function createRows(tables: Tables, feed: EndedFeed, clock: StoreOptions['clock']): Rows {
  const { sessions, cutoffs } = tables
  return {
    insert: async (row, { issuedAt, mostSessions }) => {
      const cutoff = cutoffs.get(row.memberId)
      if (cutoff !== undefined && issuedAt <= cutoff.issuedUntil) return { kind: 'refused' }
      if (row.epoch < (tables.epoch?.epoch ?? 0)) return { kind: 'outdated' }
      const superseded = endSurplus(tables, row.memberId, { most: mostSessions - 1, at: Math.floor(clock()) })
      sessions.set(row.id, { ...row })
      tables.members.add(row)
      feed.publish(superseded)
      return { kind: 'created', superseded: superseded.map(({ id }) => id) }
    },
    read: async (id) => copyOf(sessions.get(id)),
    replace: async (row, expected) => {
      const stored = sessions.get(row.id)
      if (stored?.mark !== expected || stored.endedAt !== null) return copyOf(stored)
      sessions.set(row.id, { ...row })
      return 'replaced'
    },
    list: async (request) => listOf(tables, request),
  }
}

function copyOf(row: SessionRow | undefined): SessionRow | null {
  return row ? { ...row } : null
}

function endSurplus(
  tables: Tables,
  memberId: string,
  { most, at }: { readonly most: number; readonly at: number },
): readonly EndedSession[] {
  const { sessions, members } = tables
  if (members.countOf(memberId) <= most) return []
  const rows = [...members.oldestFirst(memberId)].flatMap((id) => sessions.get(id) ?? [])
  const surplus = surplusOf(
    rows.filter((row) => isLive(row, at)),
    most,
  )
  for (const session of surplus) endOne(tables, session, 'superseded', at)
  return surplus.map(({ id }) => ({ id, endedAt: at }))
}

function createEpoch(tables: Tables, feed: EndedFeed): Epoch {
  return {
    readEpoch: async () => tables.epoch,
    replaceEpoch: async ({ next, expected, at }) => {
      if ((tables.epoch?.mark ?? null) !== expected) return null
      const before = tables.epoch?.epoch ?? 0
      const isLater = next.epoch > before
      tables.epoch = next
      const entry = toEpochEntry(next, at)
      if (!tables.ended.has(entry.id)) tables.ended.set(entry.id, entry.endedAt)
      if (isLater) tables.members = createMemberIndex()
      feed.publish([entry])
      let live = 0
      await forEachInSlices(isLater ? tables.sessions : [], ([, session]) => {
        if (session.epoch >= before && session.epoch < next.epoch && isLive(session, at)) live += 1
      })
      return live
    },
  }
}

function createEnding(tables: Tables, feed: EndedFeed): Omit<SessionRows, keyof Rows | keyof Epoch> {
  const { sessions, ended, cutoffs } = tables
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
    endedSince: async function* (at) {
      for await (const some of inSlices(ended)) {
        yield some.filter(([, endedAt]) => endedAt >= at).map(([id, endedAt]) => ({ id, endedAt }))
      }
    },
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

function endOne(
  tables: Tables,
  session: Writable<SessionRow>,
  reason: SessionEndReason | null,
  at: number,
): void {
  session.endedAt = at
  session.endReason = reason
  tables.members.remove(session)
  tables.ended.set(session.id, at)
}

function listOf(tables: Tables, request: ListRequest): Page<SessionRow> {
  const { limit } = request
  const live = liveOf(tables, { ...request, limit: limit + 1 })
  const page = live.slice(0, limit)
  const last = live.length > limit ? page.at(-1) : undefined
  return { sessions: page.map(({ session }) => ({ ...session })), next: last?.place ?? null }
}

function liveOf({ sessions, members }: Tables, { memberId, at, limit, after = null }: ListRequest) {
  const live: { readonly session: Writable<SessionRow>; readonly place: string }[] = []
  for (const { id, place } of members.newestFirst(memberId, after)) {
    const session = sessions.get(id)
    if (session && isLive(session, at)) live.push({ session, place })
    if (live.length === limit) break
  }
  return live
}

/** In slices: a store may hold a million sessions. */
async function sweep(tables: Tables, now: number): Promise<void> {
  const { sessions, ended, cutoffs, epoch } = tables
  const endedBefore = now - endedKeptSeconds
  // Sessions of earlier epochs are kept for as long as those that ended one by one.
  const leastEpoch = epoch && beginningOf(epoch.epoch) <= endedBefore ? epoch.epoch : 0
  await forEachInSlices(sessions, ([, session]) => {
    const endedAt = session.endedAt ?? Infinity
    if (session.expiresAt <= now || endedAt <= endedBefore || session.epoch < leastEpoch)
      forget(tables, session)
  })
  await forEachInSlices(ended, ([id, endedAt]) => {
    if (endedAt <= endedBefore) ended.delete(id)
  })
  await forEachInSlices(cutoffs, ([memberId, { setAt }]) => {
    if (setAt <= now - signInCutoffKeptSeconds) cutoffs.delete(memberId)
  })
}

function forget({ sessions, members }: Tables, session: SessionRow): void {
  sessions.delete(session.id)
  members.remove(session)
}
