import {
  inEpoch,
  type EndedSession,
  type ListRequest,
  type Page,
  type SessionRow,
  type SessionRows,
} from '../../sessions/index.js'
import type { Clock } from '../../base/time.js'
import type { EndedFeed } from '../ended-sessions.js'
import type { Connection, Parameters, Statements } from './connection.js'
import { endedSince, insertEnded } from './ended-feed.js'
import { createSqliteEpoch, hasEpoch, presentEpoch } from './epoch.js'
import { createInsertion } from './insertion.js'
import { rotatedFieldsOf, toRow } from './rows.js'

/**
 * The compare-and-set of a rotation, of a first use and of a binding. Columns of an index are not among those that it sets: SQLite would
 * write the entries of the index again, with the same values.
 */
const replaceRow = `
  UPDATE sessions SET last_used_at = :lastUsedAt, generation = :generation, confirmed_at = :confirmedAt,
    previous_confirmed_at = :previousConfirmedAt, sealed_member = :sealedMember, mark = :mark, jkt = :jkt
  WHERE id = :id AND mark = :expected AND ended_at IS NULL`

/** Ends one session that has not ended. */
const endSession = `
  UPDATE sessions SET ended_at = :at, end_reason = :reason WHERE id = :id AND ended_at IS NULL`

/** Ends some live sessions of a member. */
const endMemberSessions = `
  UPDATE sessions SET ended_at = :at, end_reason = :reason
  WHERE row_id IN (
    SELECT row_id FROM sessions
    WHERE member_id = :memberId AND epoch = ${presentEpoch} AND ended_at IS NULL AND expires_at > :at LIMIT :limit)
  RETURNING id`

/** Refuses earlier sign-ins of a member. An earlier cutoff never replaces a later one. */
const upsertCutoff = `
  INSERT INTO sign_in_cutoffs (member_id, issued_until, set_at) VALUES (:memberId, :issuedUntil, :at)
  ON CONFLICT (member_id) DO UPDATE SET issued_until = max(issued_until, excluded.issued_until), set_at = excluded.set_at`

/** Selects one row, and the epoch of the store: a second statement would take the lock of the file again. */
const selectStanding = `SELECT *, ${presentEpoch} AS present_epoch FROM sessions WHERE id = :id`

/** Selects one row of a file that has no epoch yet. */
const selectRow = 'SELECT * FROM sessions WHERE id = :id'

/** Selects live rows of a member before a place in the order of creation, newest first. */
const selectLiveOfMember = `
  SELECT * FROM sessions
  WHERE member_id = :memberId AND epoch = ${presentEpoch} AND ended_at IS NULL AND expires_at > :at
    AND (created_at, row_id) < (:createdAt, :rowId)
  ORDER BY created_at DESC, row_id DESC LIMIT :limit`

interface SqliteSessionsOptions {
  readonly feed: EndedFeed
  readonly pollEnded: () => Promise<void>
  readonly clock: Clock
}

/** Creates the session rows of a SQLite store. The listeners of this process get ended sessions once the end is on disk. */
export function createSqliteSessions(
  connection: Connection,
  { feed, pollEnded, clock }: SqliteSessionsOptions,
): SessionRows {
  return {
    ...createRows(connection, feed, clock),
    ...createEnding(connection, feed),
    ...createSqliteEpoch(connection, feed),
    endedSince: (at) => endedSince(connection, at),
    watchEnded: (listener) => feed.subscribe(listener),
    syncEnded: pollEnded,
  }
}

/** The most sessions that one step restores, so that no request waits for it. */
const restoredAtOnce = 500

type Rows = Pick<SessionRows, 'insert' | 'read' | 'replace' | 'list'>
type Ending = Pick<SessionRows, 'end' | 'refuseSignIns' | 'endSomeOf' | 'restoreEnded'>

function createRows(connection: Connection, feed: EndedFeed, clock: Clock): Rows {
  const { read, write } = connection
  const readStanding = createStandingReader()
  return {
    insert: createInsertion({ connection, feed, clock }),
    read: (id) => read((statements) => readStanding(statements, id)),
    replace: (row, expected) =>
      write((statements) => {
        const changed = statements.run(replaceRow, { ...rotatedFieldsOf(row), expected })
        return changed > 0 ? 'replaced' : readStanding(statements, row.id)
      }),
    list: (request) => read((statements) => list(statements, request)),
  }
}

/** Creates the function that reads a session as it stands in the epoch of the store. A file that has an epoch keeps it. */
function createStandingReader(): (statements: Statements, id: string) => SessionRow | null {
  let isKnownToHaveEpoch = false
  return (statements, id) => {
    isKnownToHaveEpoch ||= hasEpoch(statements)
    const row = statements.one(isKnownToHaveEpoch ? selectStanding : selectRow, { id })
    return row ? inEpoch(toRow(row), Number(row['present_epoch'] ?? 0)) : null
  }
}

/** The place of a page is the creation and the number of the last row before it. */
function list(statements: Statements, { memberId, at, limit, after }: ListRequest): Page<SessionRow> {
  const [createdAt = 0, rowId = 0] = after?.split('.', 2).map(Number) ?? [Number.MAX_SAFE_INTEGER]
  if (!Number.isSafeInteger(createdAt) || !Number.isSafeInteger(rowId)) return { sessions: [], next: null }
  const found = statements.all(selectLiveOfMember, { memberId, at, createdAt, rowId, limit: limit + 1 })
  const page = found.slice(0, limit)
  const last = page.at(-1)
  const next = last && found.length > limit ? `${Number(last['created_at'])}.${Number(last['row_id'])}` : null
  return { sessions: page.map(toRow), next }
}

function createEnding({ write }: Connection, feed: EndedFeed): Ending {
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
    restoreEnded: async (known) => {
      for (let from = 0; from < known.length; from += restoredAtOnce) {
        const some = known.slice(from, from + restoredAtOnce)
        const ended = some.map(({ id, endedAt }) => ({ id, endedAt: Math.floor(endedAt) }))
        const isNew = await write((statements) => restore(statements, ended))
        feed.publish(ended.filter((_, index) => isNew[index]))
      }
    },
  }
}

function restore(statements: Statements, ended: readonly EndedSession[]): readonly boolean[] {
  return ended.map(({ id, endedAt: at }) => {
    statements.run(endSession, { id, reason: null, at })
    return statements.run(insertEnded, { id, at }) > 0
  })
}

function endSome(statements: Statements, request: Parameters & { readonly at: number }): readonly string[] {
  const ids = statements.all(endMemberSessions, request).map((row) => String(row['id']))
  for (const id of ids) statements.run(insertEnded, { id, at: request.at })
  return ids
}
