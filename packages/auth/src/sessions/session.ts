/** Why a session ended. */
export type SessionEndReason = 'sign_out' | 'sign_out_everywhere' | 'reuse' | 'member_deleted' | 'plan_lost'

/** One sign-in, and the family of refresh tokens descended from it (RFC 9700 §4.14.2). Instants are whole seconds. */
export interface Session {
  /** 128 random bits, base64url. */
  readonly id: string
  readonly memberId: string
  readonly userAgent: string | null
  readonly createdAt: number
  /** When it was last rotated, or created. */
  readonly lastUsedAt: number
  /** The absolute end, however often it rotates. */
  readonly expiresAt: number
  /** Of the newest refresh token; the first is 1. */
  readonly generation: number
  /** When `generation` was first seen in use; null until then. */
  readonly confirmedAt: number | null
  /** When `generation - 1` was first seen in use; null where there is none. */
  readonly previousConfirmedAt: number | null
  readonly endedAt: number | null
  readonly endReason: SessionEndReason | null
  /** The member as last read from the admin API, sealed; null when too large to keep. */
  readonly sealedMember: string | null
}

/** What a sign-in knows of the session that it begins. */
export interface SessionStart extends Pick<
  Session,
  'id' | 'memberId' | 'userAgent' | 'expiresAt' | 'sealedMember'
> {
  /** When, in whole seconds. */
  readonly now: number
}

/** The session as it begins: of its one refresh token nothing has been seen yet. */
export function beginSession({ now, ...start }: SessionStart): Session {
  return {
    ...start,
    createdAt: now,
    lastUsedAt: now,
    generation: 1,
    confirmedAt: null,
    previousConfirmedAt: null,
    endedAt: null,
    endReason: null,
  }
}
