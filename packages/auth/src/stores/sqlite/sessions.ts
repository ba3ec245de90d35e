import type { Session, SessionEndReason, EndAll, SessionStore } from '../../sessions/index.js'
import type { Parameters, Row, Connection, Statements } from './connection.js'
import type { EndedFeed } from '../ended-sessions.js'

/** Stores a new session. */
const insertSession = `
  INSERT INTO sessions (id, member_id, user_agent, created_at, last_used_at, expires_at, generation, confirmed_at,
    previous_confirmed_at, ended_at, end_reason, sealed_member)
  VALUES (:id, :memberId, :userAgent, :createdAt, :lastUsedAt, :expiresAt, :generation, :confirmedAt,
    :previousConfirmedAt, :endedAt, :endReason, :sealedMember)`

/** The compare-and-set of a rotation: `advanced` of `rotation.ts` in SQL. */
const advanceSession = `
  UPDATE sessions SET
    generation = :toGeneration,
    confirmed_at = NULL,
    previous_confirmed_at = CASE :toGeneration WHEN generation + 1 THEN coalesce(confirmed_at, :at) ELSE :at END,
    last_used_at = :at,
    sealed_member = coalesce(:sealedMember, sealed_member)
  WHERE id = :id AND generation = :fromGeneration AND ended_at IS NULL AND expires_at > :at
  RETURNING *`

/** Notes the first use of the newest generation: `confirmed` of `rotation.ts` in SQL. */
const confirmSession = `
  UPDATE sessions SET confirmed_at = :at
  WHERE id = :id AND generation = :generation AND confirmed_at IS NULL AND ended_at IS NULL`

/** Notes the use of a generation ahead of the store: `confirmed` of `rotation.ts` in SQL. */
const confirmAhead = `
  UPDATE sessions SET
    generation = :generation,
    confirmed_at = :at,
    previous_confirmed_at = CASE :generation WHEN generation + 1 THEN coalesce(confirmed_at, :at) ELSE :at END
  WHERE id = :id AND generation < :generation AND ended_at IS NULL`

/** Ends one session that has not ended. */
const endSession = `
  UPDATE sessions SET ended_at = :at, end_reason = :reason WHERE id = :id AND ended_at IS NULL`

/** Ends the live sessions of a member. */
const endMemberSessions = `
  UPDATE sessions SET ended_at = :at, end_reason = :reason
  WHERE member_id = :memberId AND ended_at IS NULL AND expires_at > :at
  RETURNING id`

/** Adds an ended session to the feed that all processes read. One that is in the feed stays as it is. */
const insertEnded = `
  INSERT INTO ended_sessions (id, ended_at) VALUES (:id, :at) ON CONFLICT (id) DO NOTHING`

/** Refuses earlier sign-ins of a member. An earlier cutoff never replaces a later one. */
const upsertCutoff = `
  INSERT INTO sign_in_cutoffs (member_id, issued_until, set_at) VALUES (:memberId, :issuedUntil, :at)
  ON CONFLICT (member_id) DO UPDATE SET issued_until = max(issued_until, excluded.issued_until), set_at = excluded.set_at`

/** Selects one session. */
const selectSession = 'SELECT * FROM sessions WHERE id = :id'

/** Selects the live sessions of a member, newest first. */
const selectLiveOfMember = `
  SELECT * FROM sessions WHERE member_id = :memberId AND ended_at IS NULL AND expires_at > :at
  ORDER BY created_at DESC, row_id DESC`

/** Selects the instant up to which sign-ins of a member are refused. */
const selectCutoff = 'SELECT issued_until FROM sign_in_cutoffs WHERE member_id = :memberId'

/** Selects the sessions that ended at or after an instant. */
const selectEndedSince = 'SELECT id, ended_at FROM ended_sessions WHERE ended_at >= :at ORDER BY seq'

/** Selects the entries of the feed after a sequence number. */
export const selectEndedAfter = 'SELECT seq, id, ended_at FROM ended_sessions WHERE seq > :seq ORDER BY seq'

/** Selects the last sequence number of the feed, removed entries included. */
export const selectLastEnded = `SELECT seq FROM sqlite_sequence WHERE name = 'ended_sessions'`

/** Reads a row of `sessions`. */
export function toSession(row: Row): Session {
  return {
    id: String(row['id']),
    memberId: String(row['member_id']),
    userAgent: textOf(row, 'user_agent'),
    createdAt: Number(row['created_at']),
    lastUsedAt: Number(row['last_used_at']),
    expiresAt: Number(row['expires_at']),
    generation: Number(row['generation']),
    confirmedAt: numberOf(row, 'confirmed_at'),
    previousConfirmedAt: numberOf(row, 'previous_confirmed_at'),
    endedAt: numberOf(row, 'ended_at'),
    endReason: reasonOf(row),
    sealedMember: textOf(row, 'sealed_member'),
  }
}

/** Returns the parameters of `insertSession`; instants are cut off to whole seconds. */
function toParameters(session: Session): Parameters {
  return {
    id: session.id,
    memberId: session.memberId,
    userAgent: session.userAgent,
    createdAt: Math.floor(session.createdAt),
    lastUsedAt: Math.floor(session.lastUsedAt),
    expiresAt: Math.floor(session.expiresAt),
    generation: session.generation,
    confirmedAt: session.confirmedAt,
    previousConfirmedAt: session.previousConfirmedAt,
    endedAt: session.endedAt,
    endReason: session.endReason,
    sealedMember: session.sealedMember,
  }
}

const endReasons = {
  sign_out: 'sign_out',
  sign_out_everywhere: 'sign_out_everywhere',
  reuse: 'reuse',
  member_deleted: 'member_deleted',
  plan_lost: 'plan_lost',
} satisfies { [Reason in SessionEndReason]: Reason }

function reasonOf(row: Row): SessionEndReason | null {
  return Object.values(endReasons).find((reason) => reason === row['end_reason']) ?? null
}

function textOf(row: Row, column: string): string | null {
  const value = row[column]
  return typeof value === 'string' ? value : null
}

function numberOf(row: Row, column: string): number | null {
  const value = row[column]
  return typeof value === 'number' ? value : null
}

/** Creates the sessions of a SQLite store. The listeners of this process get ended sessions once the end is on disk. */
export function createSqliteSessions(connection: Connection, feed: EndedFeed): SessionStore {
  return { ...createRotation(connection), ...createEnding(connection, feed) }
}

type Rotation = Pick<SessionStore, 'create' | 'read' | 'advance' | 'confirm' | 'listOf'>

function createRotation({ read, write }: Connection): Rotation {
  return {
    create: (session, signInIssuedAt) =>
      write((statements) => {
        const cutoff = statements.one(selectCutoff, { memberId: session.memberId })
        if (cutoff && signInIssuedAt <= Number(cutoff['issued_until'])) return 'refused'
        statements.run(insertSession, toParameters(session))
        return 'created'
      }),
    read: (id) => read((statements) => readSession(statements, id)),
    advance: ({ at, ...change }) =>
      write((statements) => {
        const row = statements.one(advanceSession, { ...change, at: Math.floor(at) })
        return row
          ? { applied: true, session: toSession(row) }
          : { applied: false, session: readSession(statements, change.id) }
      }),
    confirm: (id, generation, atOrLater) =>
      write((statements) => {
        const use = { id, generation, at: Math.floor(atOrLater) }
        if (statements.run(confirmSession, use) === 0) statements.run(confirmAhead, use)
      }),
    listOf: (memberId, at) =>
      read((statements) => statements.all(selectLiveOfMember, { memberId, at }).map(toSession)),
  }
}

function createEnding({ read, write }: Connection, feed: EndedFeed): Omit<SessionStore, keyof Rotation> {
  return {
    end: async (id, reason, atOrLater) => {
      const at = Math.floor(atOrLater)
      const ended = await write((statements) => {
        if (statements.run(endSession, { id, reason, at }) === 0) return false
        statements.run(insertEnded, { id, at })
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
          .all(selectEndedSince, { at })
          .map((row) => ({ id: String(row['id']), endedAt: Number(row['ended_at']) })),
      ),
    watchEnded: (listener) => feed.subscribe(listener),
    restoreEnded: async (known) => {
      const ended = known.map(({ id, endedAt }) => ({ id, endedAt: Math.floor(endedAt) }))
      const isNew = await write((statements) =>
        ended.map(({ id, endedAt: at }) => {
          statements.run(endSession, { id, reason: null, at })
          return statements.run(insertEnded, { id, at }) > 0
        }),
      )
      feed.publish(ended.filter((_, index) => isNew[index]))
    },
  }
}

function readSession(statements: Statements, id: string) {
  const row = statements.one(selectSession, { id })
  return row ? toSession(row) : null
}

function endAll(statements: Statements, request: EndAll, at: number): readonly string[] {
  const { memberId, reason, refuseSignInsIssuedUntil } = request
  if (refuseSignInsIssuedUntil !== undefined) {
    statements.run(upsertCutoff, { memberId, issuedUntil: Math.floor(refuseSignInsIssuedUntil), at })
  }
  const ids = statements.all(endMemberSessions, { memberId, reason, at }).map((row) => String(row['id']))
  for (const id of ids) statements.run(insertEnded, { id, at })
  return ids
}
