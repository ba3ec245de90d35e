/**
 * What the rules say, told as a history: which generation the store has, and when each generation was first seen to be
 * used. The code under test knows two of those instants and decides from them; this knows them all.
 */
export interface OracleSession {
  generation: number
  /** When each generation was first seen in use, as far as the store was told. */
  readonly seen: Map<number, number>
  rotatedAt: number
  readonly expiresAt: number
  endedAt: number | null
}

/** What goes wrong with a call: the store fails before or after it wrote, or loses what it said was written; or others fail. */
export type Fault = 'none' | 'before' | 'after' | 'lost' | 'issue' | 'admin'

/** What a caller must get. `mayFail`: or trouble, where what fails may or may not have been needed. */
export type Expected =
  | { readonly kind: 'served'; readonly generation: number; readonly mayFail?: true }
  | { readonly kind: 'refused'; readonly reused: boolean }
  | { readonly kind: 'trouble' }
  /** Refused for want of the key that the session is bound to. */
  | { readonly kind: 'unproven' }

export interface OracleSettings {
  readonly graceSeconds: number
  readonly idleSeconds: number
  /** With `cookie` the newest refresh token stays for half an hour after a rotation (half of that if idleness is sooner). */
  readonly transport: 'body' | 'cookie'
}

/** Returns true if a refresh by the newest token is answered without a rotation. */
export function isKept(
  session: OracleSession,
  presented: number,
  now: number,
  settings: OracleSettings,
): boolean {
  if (settings.transport !== 'cookie' || presented !== session.generation) return false
  return now < session.rotatedAt + Math.min(3_600, settings.idleSeconds) / 2
}

export function copyOf(session: OracleSession): OracleSession {
  return { ...session, seen: new Map(session.seen) }
}

export function isIdle(session: OracleSession, now: number, { idleSeconds }: OracleSettings): boolean {
  return now >= Math.max(session.rotatedAt, session.seen.get(session.generation) ?? 0) + idleSeconds
}

/**
 * Whether a refresh token comes too late. One ahead of the store proves a use that the store does not know of, so that
 * idleness is not known either.
 */
export function isOver(
  session: OracleSession,
  presented: number,
  now: number,
  settings: OracleSettings,
): boolean {
  if (session.endedAt !== null || now >= session.expiresAt) return true
  return presented <= session.generation && isIdle(session, now, settings)
}

/** A refresh token of generation `presented` comes in. */
export function present(
  session: OracleSession,
  presented: number,
  now: number,
  settings: OracleSettings,
  fault: Fault,
  /** Whether the instance tells the store of the first sight of a kept token. */
  tellsSight = true,
): Expected {
  if (isOver(session, presented, now, settings)) return { kind: 'refused', reused: false }
  if (presented < session.generation) return presentRetired(session, presented, now, settings, fault)
  if (isKept(session, presented, now, settings)) {
    const isWritten = tellsSight && fault !== 'before' && fault !== 'lost'
    return presentKept(session, presented, now, { isWritten, fault })
  }
  return rotate(session, presented, now, fault)
}

/** The first generation retires no token, so that its first sight is of no use. */
function presentKept(
  session: OracleSession,
  presented: number,
  now: number,
  { isWritten, fault }: { readonly isWritten: boolean; readonly fault: Fault },
): Expected {
  if (isWritten && presented > 1) noteSight(session, presented, now)
  return fault === 'issue' ? { kind: 'trouble' } : { kind: 'served', generation: presented }
}

function rotate(session: OracleSession, presented: number, now: number, fault: Fault): Expected {
  if (fault === 'before' || fault === 'admin') return { kind: 'trouble' }
  if (fault !== 'lost') {
    noteSight(session, presented, now)
    session.generation = presented + 1
    session.rotatedAt = now
  }
  if (fault === 'after' || fault === 'issue') return { kind: 'trouble' }
  return { kind: 'served', generation: presented + 1 }
}

function presentRetired(
  session: OracleSession,
  presented: number,
  now: number,
  { graceSeconds }: OracleSettings,
  fault: Fault,
): Expected {
  const successorSeenAt = session.seen.get(presented + 1) ?? Infinity
  const isTheft = session.generation - presented > 2 || now >= successorSeenAt + graceSeconds
  if (!isTheft) {
    const { generation } = session
    // Within half a minute neither the admin API nor a signing key is needed again.
    return {
      kind: 'served',
      generation,
      ...(fault === 'admin' || fault === 'issue' ? { mayFail: true } : {}),
    }
  }
  if (fault === 'before') return { kind: 'trouble' }
  session.endedAt = now
  return fault === 'after' ? { kind: 'trouble' } : { kind: 'refused', reused: true }
}

/** The store hears of the use of an access token. */
export function confirm(session: OracleSession, generation: number, now: number): void {
  if (session.endedAt !== null || generation < session.generation) return
  if (generation > session.generation) {
    // Whoever has a later generation has used the one before it.
    noteSight(session, generation - 1, now)
    session.generation = generation
  }
  noteSight(session, generation, now)
}

function noteSight({ seen }: OracleSession, generation: number, now: number): void {
  if (!seen.has(generation)) seen.set(generation, now)
}
