import { nextSession } from './token-record.js'
import { isOlder, readToken } from './token-times.js'
import { acquire } from './acquire.js'
import { PerennialError } from './perennial-error.js'
import type { MemberstackDom, TokenPair } from './session.js'
import { put, sync, type Tab } from './tab.js'

/**
 * Opens a session: exchanges a member JWT, or adopts a pair.
 * @throws PerennialError `CLIENT_NO_MEMBER`, or as `callService`
 */
export async function signIn(tab: Tab, from?: string | MemberstackDom | TokenPair): Promise<void> {
  if (typeof from === 'object' && 'accessToken' in from) return adoptPair(tab, from)
  const memberJwt = typeof from === 'object' ? from.getMemberCookie() : from
  if (!memberJwt) throw new PerennialError('CLIENT_NO_MEMBER')
  return acquire(tab, memberJwt)
}

/** Adopts a pair, unless it is an older one of the session held (a page may have been cached with it). */
function adoptPair(tab: Tab, { accessToken, refreshToken }: TokenPair): void {
  sync(tab)
  const { record, times } = tab.held
  const own = readToken(accessToken)
  if (isOlder(own, times)) return
  const wall = Date.now() / 1000
  put(tab, {
    seq: nextSession(record.seq, wall),
    accessToken,
    refreshToken,
    userId: own.userId,
    // The age of the pair is not known, but it was not issued in the future.
    offsetSeconds: Math.max(record.offsetSeconds, (own.issuedAt || 0) - wall),
  })
}
