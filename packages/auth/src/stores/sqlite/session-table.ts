import type { Session, SessionEndReason } from '../../sessions/index.js'
import type { Parameters, Row } from './connection.js'

/** Stores a new session. */
export const insertSession = `
  INSERT INTO sessions (id, member_id, user_agent, created_at, last_used_at, expires_at, generation, confirmed_at,
    previous_confirmed_at, ended_at, end_reason, sealed_member)
  VALUES (:id, :memberId, :userAgent, :createdAt, :lastUsedAt, :expiresAt, :generation, :confirmedAt,
    :previousConfirmedAt, :endedAt, :endReason, :sealedMember)`

/** The compare-and-set of a rotation: `advanced` of `rotation.ts` in SQL. */
export const advanceSession = `
  UPDATE sessions SET
    generation = :toGeneration,
    confirmed_at = NULL,
    previous_confirmed_at = CASE :toGeneration WHEN generation + 1 THEN coalesce(confirmed_at, :at) ELSE :at END,
    last_used_at = :at,
    sealed_member = coalesce(:sealedMember, sealed_member)
  WHERE id = :id AND generation = :fromGeneration AND ended_at IS NULL AND expires_at > :at
  RETURNING *`

/** Notes the first use of the newest generation: `confirmed` of `rotation.ts` in SQL. */
export const confirmSession = `
  UPDATE sessions SET confirmed_at = :at
  WHERE id = :id AND generation = :generation AND confirmed_at IS NULL AND ended_at IS NULL`

/** Notes the use of a generation ahead of the store: `confirmed` of `rotation.ts` in SQL. */
export const confirmAhead = `
  UPDATE sessions SET
    generation = :generation,
    confirmed_at = :at,
    previous_confirmed_at = CASE :generation WHEN generation + 1 THEN coalesce(confirmed_at, :at) ELSE :at END,
    last_used_at = :at
  WHERE id = :id AND generation < :generation AND ended_at IS NULL`

/** Ends one session that has not ended. */
export const endSession = `
  UPDATE sessions SET ended_at = :at, end_reason = :reason WHERE id = :id AND ended_at IS NULL`

/** Ends the live sessions of a member. */
export const endMemberSessions = `
  UPDATE sessions SET ended_at = :at, end_reason = :reason
  WHERE member_id = :memberId AND ended_at IS NULL AND expires_at > :at
  RETURNING id`

/** Adds an ended session to the feed that all processes read. One that is in the feed stays as it is. */
export const insertEnded = `
  INSERT INTO ended_sessions (id, ended_at) VALUES (:id, :at) ON CONFLICT (id) DO NOTHING`

/** Refuses earlier sign-ins of a member. An earlier cutoff never replaces a later one. */
export const upsertCutoff = `
  INSERT INTO sign_in_cutoffs (member_id, issued_until, set_at) VALUES (:memberId, :issuedUntil, :at)
  ON CONFLICT (member_id) DO UPDATE SET issued_until = max(issued_until, excluded.issued_until), set_at = excluded.set_at`

/** Selects one session. */
export const selectSession = 'SELECT * FROM sessions WHERE id = :id'

/** Selects the live sessions of a member, newest first. */
export const selectLiveOfMember = `
  SELECT * FROM sessions WHERE member_id = :memberId AND ended_at IS NULL AND expires_at > :at
  ORDER BY created_at DESC, row_id DESC`

/** Selects the instant up to which sign-ins of a member are refused. */
export const selectCutoff = 'SELECT issued_until FROM sign_in_cutoffs WHERE member_id = :memberId'

/** Selects the sessions that ended at or after an instant. */
export const selectEndedSince = 'SELECT id, ended_at FROM ended_sessions WHERE ended_at >= :at ORDER BY seq'

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
export function toParameters(session: Session): Parameters {
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
