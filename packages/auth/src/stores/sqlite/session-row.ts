import type { Session, SessionEndReason } from '../../sessions/index.js'
import type { Parameters, Row } from './connection.js'

/** A row of `sessions` as a session. */
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

/** A session as the parameters of an INSERT; instants in whole seconds. */
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
