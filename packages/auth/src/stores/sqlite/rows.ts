import { toEndReason, type Session, type SessionRow } from '../../sessions/index.js'
import type { Parameters, Row } from './connection.js'

/** Stores a new row. */
export const insertRow = `
  INSERT INTO sessions (id, member_id, user_agent, created_at, last_used_at, expires_at, generation, confirmed_at,
    previous_confirmed_at, sealed_member, mark, ended_at, end_reason, epoch, jkt)
  VALUES (:id, :memberId, :userAgent, :createdAt, :lastUsedAt, :expiresAt, :generation, :confirmedAt,
    :previousConfirmedAt, :sealedMember, :mark, :endedAt, :endReason, :epoch, :jkt)`

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
    epoch: numberOf(row, 'epoch') ?? 0,
    endedAt: numberOf(row, 'ended_at'),
    endReason: toEndReason(row['end_reason']),
    sealedMember: textOf(row, 'sealed_member'),
    jkt: textOf(row, 'jkt'),
  }
}

/** Reads a row of `sessions`. */
export function toRow(row: Row): SessionRow {
  return { ...toSession(row), mark: String(row['mark']) }
}

/** Returns the parameters of `insertRow`. */
export function toParameters(row: SessionRow): Parameters {
  const { memberId, epoch, endedAt, endReason, userAgent, createdAt, expiresAt } = row
  const signIn = { memberId, epoch, userAgent, createdAt, expiresAt }
  return { ...rotatedFieldsOf(row), ...signIn, endedAt, endReason }
}

/** Returns the fields that a rotation, a first use or a binding changes, and the id. */
export function rotatedFieldsOf(row: SessionRow): Parameters {
  return {
    id: row.id,
    lastUsedAt: row.lastUsedAt,
    generation: row.generation,
    confirmedAt: row.confirmedAt,
    previousConfirmedAt: row.previousConfirmedAt,
    sealedMember: row.sealedMember,
    mark: row.mark,
    jkt: row.jkt,
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
