import { ends } from '../base/reasons.js'

/** The reason why a session ended. */
export type SessionEndReason = (typeof ends)[number]

/** Reads a reason as a store holds it; null if it is none. */
export function toEndReason(stored: unknown): SessionEndReason | null {
  return ends.find((reason) => reason === stored) ?? null
}

/** One sign-in, and the family of refresh tokens descended from it (RFC 9700 §4.14.2). Instants are whole seconds. */
export interface Session {
  /** 128 random bits, base64url. */
  readonly id: string
  readonly memberId: string
  /** The epoch of the store in which it began (`epochs.ts`): the session has ended once the store has a later one. */
  readonly epoch: number
  readonly userAgent: string | null
  readonly createdAt: number
  /** The time of the last rotation that the store knows of, or of the creation. */
  readonly lastUsedAt: number
  /** The absolute end, however often it rotates. */
  readonly expiresAt: number
  /** The generation of the newest refresh token; the first is 1. */
  readonly generation: number
  /** The time of the first use of `generation`; null before. */
  readonly confirmedAt: number | null
  /** The time of the first use of `generation - 1`; null if there is none. */
  readonly previousConfirmedAt: number | null
  readonly endedAt: number | null
  readonly endReason: SessionEndReason | null
  /** The member as last read from the admin API, sealed; null when too large to keep. */
  readonly sealedMember: string | null
  /**
   * The thumbprint (RFC 7638) of the key that each refresh has to prove (RFC 9449 §5); null if the session is not bound to a key. It is
   * set at the sign-in, or later by a browser that has registered a key (`device-keys.ts`), and never changes then.
   */
  readonly jkt: string | null
}

/** The facts that a sign-in has about the session that it begins. */
export interface SessionStart extends Pick<
  Session,
  'id' | 'memberId' | 'userAgent' | 'expiresAt' | 'sealedMember'
> {
  /** The time of the sign-in, in whole seconds. */
  readonly now: number
  /** @defaultValue 0: nobody has ended all sessions of this store yet */
  readonly epoch?: number | undefined
  /** @defaultValue null: the session is not bound to a key */
  readonly jkt?: string | null | undefined
}

/** Returns a new session, whose first refresh token has not been used. */
export function beginSession({ now, epoch = 0, jkt = null, ...start }: SessionStart): Session {
  return {
    ...start,
    epoch,
    jkt,
    createdAt: now,
    lastUsedAt: now,
    generation: 1,
    confirmedAt: null,
    previousConfirmedAt: null,
    endedAt: null,
    endReason: null,
  }
}
