import type { EndAll, SessionStore } from '../../sessions/index.js'
import type { EndedFeed } from '../ended-feed.js'
import type { Connection, Statements } from './connection.js'
import { toParameters, toSession } from './session-row.js'
import * as sql from './session-sql.js'

/** Sessions in a SQLite file. News of ended sessions is told to this process once it is on disk. */
export function createSqliteSessions(connection: Connection, feed: EndedFeed): SessionStore {
  return { ...createRotation(connection), ...createEnding(connection, feed) }
}

type Rotation = Pick<SessionStore, 'create' | 'read' | 'advance' | 'confirm' | 'listOf'>

function createRotation({ read, write }: Connection): Rotation {
  return {
    create: (session, signInIssuedAt) =>
      write((statements) => {
        const cutoff = statements.one(sql.selectCutoff, { memberId: session.memberId })
        if (cutoff && signInIssuedAt <= Number(cutoff['issued_until'])) return 'refused'
        statements.run(sql.insertSession, toParameters(session))
        return 'created'
      }),
    read: (id) => read((statements) => readSession(statements, id)),
    advance: ({ at, ...change }) =>
      write((statements) => {
        const row = statements.one(sql.advanceSession, { ...change, at: Math.floor(at) })
        return row
          ? { applied: true, session: toSession(row) }
          : { applied: false, session: readSession(statements, change.id) }
      }),
    confirm: (id, generation, atOrLater) =>
      write((statements) => {
        const use = { id, generation, at: Math.floor(atOrLater) }
        if (statements.run(sql.confirmSession, use) === 0) statements.run(sql.confirmAhead, use)
      }),
    listOf: (memberId, at) =>
      read((statements) => statements.all(sql.selectLiveOfMember, { memberId, at }).map(toSession)),
  }
}

function createEnding({ read, write }: Connection, feed: EndedFeed): Omit<SessionStore, keyof Rotation> {
  return {
    end: async (id, reason, atOrLater) => {
      const at = Math.floor(atOrLater)
      const ended = await write((statements) => {
        if (statements.run(sql.endSession, { id, reason, at }) === 0) return false
        statements.run(sql.insertEnded, { id, at })
        return true
      })
      if (ended) feed.tell([{ id, endedAt: at }])
      return ended
    },
    endAllOf: async (request) => {
      const at = Math.floor(request.at)
      const ids = await write((statements) => endAll(statements, request, at))
      feed.tell(ids.map((id) => ({ id, endedAt: at })))
      return ids
    },
    endedSince: (at) =>
      read((statements) =>
        statements
          .all(sql.selectEndedSince, { at })
          .map((row) => ({ id: String(row['id']), endedAt: Number(row['ended_at']) })),
      ),
    watchEnded: (listener) => feed.watch(listener),
    restoreEnded: async (known) => {
      const ended = known.map(({ id, endedAt }) => ({ id, endedAt: Math.floor(endedAt) }))
      const isNews = await write((statements) =>
        ended.map(({ id, endedAt: at }) => {
          statements.run(sql.endSession, { id, reason: null, at })
          return statements.run(sql.insertEnded, { id, at }) > 0
        }),
      )
      feed.tell(ended.filter((_, index) => isNews[index]))
    },
  }
}

function readSession(statements: Statements, id: string) {
  const row = statements.one(sql.selectSession, { id })
  return row ? toSession(row) : null
}

function endAll(statements: Statements, request: EndAll, at: number): readonly string[] {
  const { memberId, reason, refuseSignInsIssuedUntil } = request
  if (refuseSignInsIssuedUntil !== undefined) {
    statements.run(sql.upsertCutoff, { memberId, issuedUntil: Math.floor(refuseSignInsIssuedUntil), at })
  }
  const ids = statements.all(sql.endMemberSessions, { memberId, reason, at }).map((row) => String(row['id']))
  for (const id of ids) statements.run(sql.insertEnded, { id, at })
  return ids
}
