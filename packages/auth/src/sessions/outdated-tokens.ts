import type { MemberChanges } from '../members/index.js'
import type { Clock } from '../base/time.js'
import type { EndedSession, SessionStore } from './session-store.js'

/**
 * Makes the access tokens of a member expire that were issued from what was known before now, on every instance. Returns the
 * instant from which on the member must have been read. @throws {@link AuthError} `AUTH_UNAVAILABLE`
 */
export type ExpireTokens = (memberId: string) => Promise<number>

/** Options of {@link createExpireTokens}. */
export interface ExpireTokensOptions {
  readonly store: Pick<SessionStore, 'restoreEnded'>
  /** The list of this process, which the entry joins at once. */
  readonly revocations: { readonly note: (entries: readonly EndedSession[]) => void }
  readonly changes: Pick<MemberChanges, 'begin'>
  readonly clock: Clock
}

/**
 * Creates {@link ExpireTokens}. The feed of ended sessions carries the change: it reaches every instance, is kept for as long
 * as an access token lives, and is read at the start. The stores do not need to know what an entry stands for.
 */
export function createExpireTokens({
  store,
  revocations,
  changes,
  clock,
}: ExpireTokensOptions): ExpireTokens {
  return async (memberId) => {
    const changedAt = changes.begin(memberId)
    const entry = toEntry({ memberId, changedAt }, clock())
    await store.restoreEnded([entry])
    revocations.note([entry])
    return changedAt
  }
}

/** A change of a member in the feed of ended sessions. */
export interface MemberChangeEntry {
  readonly memberId: string
  /** Seconds since the epoch, in whole milliseconds. */
  readonly changedAt: number
}

/** No session id contains this character, so the two kinds of entries cannot be confused. */
const separator = '@'

function toEntry({ memberId, changedAt }: MemberChangeEntry, now: number): EndedSession {
  return { id: `${memberId}${separator}${Math.round(changedAt * 1000)}`, endedAt: Math.floor(now) }
}

/** Reads an entry of the feed; null if it is an ended session. */
export function memberChangeIn({ id }: EndedSession): MemberChangeEntry | null {
  const end = id.lastIndexOf(separator)
  if (end < 0) return null
  const changedAt = Number(id.slice(end + 1)) / 1000
  return Number.isFinite(changedAt) ? { memberId: id.slice(0, end), changedAt } : null
}
