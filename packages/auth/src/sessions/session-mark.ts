import type { Secrets } from '../base/secrets.js'
import type { SessionRow } from './session-store.js'
import type { Session } from './session.js'

/**
 * The marks of session rows: 128 bits of HMAC-SHA256 over all fields but the end, under a key that is derived from
 * `PERENNIAL_SECRET` and the app id. Who can write to the store can therefore neither change a row nor make one. Fields of the
 * end are left out, so that a session is ended without its other fields: who can write to the store can end it anyway.
 */
export interface SessionMarks {
  /** Returns the session with whole seconds and its mark. */
  mark(session: Session): SessionRow
  /** Returns true if the mark is one of this row. */
  isGenuine(row: SessionRow): boolean
}

/** Creates the marks of one deployment. */
export function createSessionMarks(secrets: Pick<Secrets, 'mark' | 'verifyMark'>): SessionMarks {
  return {
    mark(session) {
      const whole = inWholeSeconds(session)
      return { ...whole, mark: secrets.mark('session', markedText(whole)) }
    },
    isGenuine: (row) => secrets.verifyMark('session', markedText(row), row.mark),
  }
}

/** JSON, so that no two rows have the same text. */
function markedText(session: Session): string {
  return JSON.stringify([
    session.id,
    session.memberId,
    session.userAgent,
    session.createdAt,
    session.lastUsedAt,
    session.expiresAt,
    session.generation,
    session.confirmedAt,
    session.previousConfirmedAt,
    session.sealedMember,
    ...laterFields(session),
  ])
}

/**
 * Returns the fields that versions without them did not mark, so that their rows stay genuine. The key is marked last, and only if
 * there is one: to a version without keys the row of a bound session is not genuine, so it refuses the session.
 */
export function laterFields({ epoch, jkt }: Pick<Session, 'epoch' | 'jkt'>): readonly (number | string)[] {
  if (jkt !== null) return [epoch, jkt]
  return epoch === 0 ? [] : [epoch]
}

function inWholeSeconds(session: Session): Session {
  return {
    ...session,
    createdAt: Math.floor(session.createdAt),
    lastUsedAt: Math.floor(session.lastUsedAt),
    expiresAt: Math.floor(session.expiresAt),
  }
}
