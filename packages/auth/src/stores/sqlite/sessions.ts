import {
  toEndReason,
  type ListRequest,
  type Page,
  type Session,
  type SessionRow,
  type SessionRows,
} from '../../sessions/index.js'
import type { Parameters, Row, Connection, Statements } from './connection.js'
import type { EndedFeed } from '../ended-sessions.js'

/** Stores a new row. */
export const insertRow = `
  INSERT INTO sessions (id, member_id, user_agent, created_at, last_used_at, expires_at, generation, confirmed_at,
    previous_confirmed_at, sealed_member, mark, ended_at, end_reason)
  VALUES (:id, :memberId, :userAgent, :createdAt, :lastUsedAt, :expiresAt, :generation, :confirmedAt,
    :previousConfirmedAt, :sealedMember, :mark, :endedAt, :endReason)`

/** The compare-and-set of a rotation and of a first use. */
const replaceRow = `
  UPDATE sessions SET user_agent = :userAgent, created_at = :createdAt, last_used_at = :lastUsedAt,
    expires_at = :expiresAt, generation = :generation, confirmed_at = :confirmedAt,
    previous_confirmed_at = :previousConfirmedAt, sealed_member = :sealedMember, mark = :mark
  WHERE id = :id AND mark = :expected AND ended_at IS NULL`

/** Ends one session that has not ended. */
const endSession = `
  UPDATE sessions SET ended_at = :at, end_reason = :reason WHERE id = :id AND ended_at IS NULL`

/** Ends some live sessions of a member. */
const endMemberSessions = `
  UPDATE sessions SET ended_at = :at, end_reason = :reason
  WHERE row_id IN (
    SELECT row_id FROM sessions WHERE member_id = :memberId AND ended_at IS NULL AND expires_at > :at LIMIT :limit)
  RETURNING id`

/** Adds an ended session to the feed that all processes read. One that is in the feed stays as it is. */
const insertEnded = `
  INSERT INTO ended_sessions (id, ended_at) VALUES (:id, :at) ON CONFLICT (id) DO NOTHING`

/** Refuses earlier sign-ins of a member. An earlier cutoff never replaces a later one. */
const upsertCutoff = `
  INSERT INTO sign_in_cutoffs (member_id, issued_until, set_at) VALUES (:memberId, :issuedUntil, :at)
  ON CONFLICT (member_id) DO UPDATE SET issued_until = max(issued_until, excluded.issued_until), set_at = excluded.set_at`

/** Selects one row. */
const selectRow = 'SELECT * FROM sessions WHERE id = :id'

/** Selects live rows of a member before a place in the order of creation, newest first. */
const selectLiveOfMember = `
  SELECT * FROM sessions
  WHERE member_id = :memberId AND ended_at IS NULL AND expires_at > :at AND (created_at, row_id) < (:createdAt, :rowId)
  ORDER BY created_at DESC, row_id DESC LIMIT :limit`

/** Selects the instant up to which sign-ins of a member are refused. */
const selectCutoff = 'SELECT issued_until FROM sign_in_cutoffs WHERE member_id = :memberId'

/** Selects the sessions that ended at or after an instant. */
const selectEndedSince = 'SELECT id, ended_at FROM ended_sessions WHERE ended_at >= :at ORDER BY seq'

/** Selects the entries of the feed after a sequence number. */
export const selectEndedAfter = 'SELECT seq, id, ended_at FROM ended_sessions WHERE seq > :seq ORDER BY seq'

/** Selects the last sequence number of the feed, removed entries included. */
export const selectLastEnded = `SELECT seq FROM sqlite_sequence WHERE name = 'ended_sessions'`

/** Reads a row of `sessions`, or of the table of the version before it. */
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
    endReason: toEndReason(row['end_reason']),
    sealedMember: textOf(row, 'sealed_member'),
  }
}

/** Reads a row of `sessions`. */
export function toRow(row: Row): SessionRow {
  return { ...toSession(row), mark: String(row['mark']) }
}

/** Returns the parameters of `insertRow`. */
export function toParameters(row: SessionRow): Parameters {
  return { ...fieldsOf(row), memberId: row.memberId, endedAt: row.endedAt, endReason: row.endReason }
}

/** Returns the fields that `replaceRow` writes, and the id. */
function fieldsOf(row: SessionRow): Parameters {
  return {
    id: row.id,
    userAgent: row.userAgent,
    createdAt: row.createdAt,
    lastUsedAt: row.lastUsedAt,
    expiresAt: row.expiresAt,
    generation: row.generation,
    confirmedAt: row.confirmedAt,
    previousConfirmedAt: row.previousConfirmedAt,
    sealedMember: row.sealedMember,
    mark: row.mark,
  }
}

function textOf(row: Row, column: string): string | null {
  const value = row[column]
  return typeof value === 'string' ? value : null
}

function numberOf(row: Row, column: string): number | null {
  const value = row[column]
  return typeof value === 'number' ? value : null
}

/** Creates the session rows of a SQLite store. The listeners of this process get ended sessions once the end is on disk. */
export function createSqliteSessions(
  connection: Connection,
  feed: EndedFeed,
  pollEnded: () => Promise<void>,
): SessionRows {
  return { ...createRows(connection), ...createEnding(connection, feed), syncEnded: pollEnded }
}

type Rows = Pick<SessionRows, 'insert' | 'read' | 'replace' | 'list'>

function createRows({ read, write }: Connection): Rows {
  return {
    insert: (row, signInIssuedAt) =>
      write((statements) => {
        const cutoff = statements.one(selectCutoff, { memberId: row.memberId })?.['issued_until']
        if (typeof cutoff === 'number' && signInIssuedAt <= cutoff) return 'refused'
        statements.run(insertRow, toParameters(row))
        return 'created'
      }),
    read: (id) => read((statements) => readRow(statements, id)),
    replace: (row, expected) =>
      write((statements) => {
        const changed = statements.run(replaceRow, { ...fieldsOf(row), expected })
        return changed > 0 ? 'replaced' : readRow(statements, row.id)
      }),
    list: (request) => read((statements) => list(statements, request)),
  }
}

function readRow(statements: Statements, id: string): SessionRow | null {
  const row = statements.one(selectRow, { id })
  return row ? toRow(row) : null
}

/** The place of a page is the creation and the number of the last row before it. */
function list(statements: Statements, { memberId, at, limit, after }: ListRequest): Page<SessionRow> {
  const [createdAt = 0, rowId = 0] = after?.split('.', 2).map(Number) ?? [Number.MAX_SAFE_INTEGER]
  const found = statements.all(selectLiveOfMember, { memberId, at, createdAt, rowId, limit: limit + 1 })
  const page = found.slice(0, limit)
  const last = page.at(-1)
  const next = last && found.length > limit ? `${Number(last['created_at'])}.${Number(last['row_id'])}` : null
  return { sessions: page.map(toRow), next }
}

function createEnding(
  { read, write }: Connection,
  feed: EndedFeed,
): Omit<SessionRows, keyof Rows | 'syncEnded'> {
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
    refuseSignIns: ({ memberId, issuedUntil, at }) =>
      write((statements) => {
        const cutoff = { memberId, issuedUntil: Math.floor(issuedUntil), at: Math.floor(at) }
        statements.run(upsertCutoff, cutoff)
      }),
    endSomeOf: async ({ at: atOrLater, ...request }) => {
      const at = Math.floor(atOrLater)
      const ids = await write((statements) => endSome(statements, { ...request, at }))
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

function endSome(statements: Statements, request: Parameters & { readonly at: number }): readonly string[] {
  const ids = statements.all(endMemberSessions, request).map((row) => String(row['id']))
  for (const id of ids) statements.run(insertEnded, { id, at: request.at })
  return ids
}
