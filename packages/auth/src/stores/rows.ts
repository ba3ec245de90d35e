import { toEndReason, type SessionRow } from '../sessions/index.js'
import { numberOf, numberOrNull, textOf, textOrNull, toColumn, type Row } from './columns.js'

/** Returns the id of a row, and the fields that a rotation writes. */
export function fieldsOf(row: SessionRow): readonly (string | number | null)[] {
  return [
    toColumn(row.id),
    toColumn(row.userAgent),
    row.createdAt,
    row.lastUsedAt,
    row.expiresAt,
    row.generation,
    row.confirmedAt,
    row.previousConfirmedAt,
    toColumn(row.sealedMember),
    toColumn(row.mark),
  ]
}

/** Reads a row of `sessions`. */
export function toRow(row: Row): SessionRow {
  return {
    id: textOf(row, 'id'),
    memberId: textOf(row, 'member_id'),
    userAgent: textOrNull(row, 'user_agent'),
    createdAt: numberOf(row, 'created_at'),
    lastUsedAt: numberOf(row, 'last_used_at'),
    expiresAt: numberOf(row, 'expires_at'),
    generation: numberOf(row, 'generation'),
    confirmedAt: numberOrNull(row, 'confirmed_at'),
    previousConfirmedAt: numberOrNull(row, 'previous_confirmed_at'),
    epoch: numberOf(row, 'epoch'),
    endedAt: numberOrNull(row, 'ended_at'),
    endReason: toEndReason(textOrNull(row, 'end_reason')),
    sealedMember: textOrNull(row, 'sealed_member'),
    jkt: textOrNull(row, 'jkt'),
    mark: textOf(row, 'mark'),
  }
}
