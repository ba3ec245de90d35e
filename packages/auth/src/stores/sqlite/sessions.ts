import type { EndAll, SessionStore } from '../../sessions/index.js'
import type { EndedFeed } from '../ended-sessions.js'
import type { Connection, Statements } from './connection.js'
import * as table from './session-table.js'

/** Creates the sessions of a SQLite store. The listeners of this process get ended sessions once the end is on disk. */
export function createSqliteSessions(connection: Connection, feed: EndedFeed): SessionStore {
  return { ...createRotation(connection), ...createEnding(connection, feed) }
}

type Rotation = Pick<SessionStore, 'create' | 'read' | 'advance' | 'confirm' | 'listOf'>

function createRotation({ read, write }: Connection): Rotation {
  return {
    create: (session, signInIssuedAt) =>
      write((statements) => {
        const cutoff = statements.one(table.selectCutoff, { memberId: session.memberId })
        if (cutoff && signInIssuedAt <= Number(cutoff['issued_until'])) return 'refused'
        statements.run(table.insertSession, table.toParameters(session))
        return 'created'
      }),
    read: (id) => read((statements) => readSession(statements, id)),
    advance: ({ at, ...change }) =>
      write((statements) => {
        const row = statements.one(table.advanceSession, { ...change, at: Math.floor(at) })
        return row
          ? { applied: true, session: table.toSession(row) }
          : { applied: false, session: readSession(statements, change.id) }
      }),
    confirm: (id, generation, atOrLater) =>
      write((statements) => {
        const use = { id, generation, at: Math.floor(atOrLater) }
        if (statements.run(table.confirmSession, use) === 0) statements.run(table.confirmAhead, use)
      }),
    listOf: (memberId, at) =>
      read((statements) => statements.all(table.selectLiveOfMember, { memberId, at }).map(table.toSession)),
  }
}

function createEnding({ read, write }: Connection, feed: EndedFeed): Omit<SessionStore, keyof Rotation> {
  return {
    end: async (id, reason, atOrLater) => {
      const at = Math.floor(atOrLater)
      const ended = await write((statements) => {
        if (statements.run(table.endSession, { id, reason, at }) === 0) return false
        statements.run(table.insertEnded, { id, at })
        return true
      })
      if (ended) feed.publish([{ id, endedAt: at }])
      return ended
    },
    endAllOf: async (request) => {
      const at = Math.floor(request.at)
      const ids = await write((statements) => endAll(statements, request, at))
      feed.publish(ids.map((id) => ({ id, endedAt: at })))
      return ids
    },
    endedSince: (at) =>
      read((statements) =>
        statements
          .all(table.selectEndedSince, { at })
          .map((row) => ({ id: String(row['id']), endedAt: Number(row['ended_at']) })),
      ),
    watchEnded: (listener) => feed.subscribe(listener),
    restoreEnded: async (known) => {
      const ended = known.map(({ id, endedAt }) => ({ id, endedAt: Math.floor(endedAt) }))
      const isNew = await write((statements) =>
        ended.map(({ id, endedAt: at }) => {
          statements.run(table.endSession, { id, reason: null, at })
          return statements.run(table.insertEnded, { id, at }) > 0
        }),
      )
      feed.publish(ended.filter((_, index) => isNew[index]))
    },
  }
}

function readSession(statements: Statements, id: string) {
  const row = statements.one(table.selectSession, { id })
  return row ? table.toSession(row) : null
}

function endAll(statements: Statements, request: EndAll, at: number): readonly string[] {
  const { memberId, reason, refuseSignInsIssuedUntil } = request
  if (refuseSignInsIssuedUntil !== undefined) {
    statements.run(table.upsertCutoff, { memberId, issuedUntil: Math.floor(refuseSignInsIssuedUntil), at })
  }
  const ids = statements
    .all(table.endMemberSessions, { memberId, reason, at })
    .map((row) => String(row['id']))
  for (const id of ids) statements.run(table.insertEnded, { id, at })
  return ids
}
