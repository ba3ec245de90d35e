import { acquire, endSession } from './acquire.js'
import { orUndefined } from './or-undefined.js'
import { PerennialError } from './perennial-error.js'
import type { MemberstackDom, TokenPair } from './session.js'
import { save } from './shared-store.js'
import { isOpen, put, type Tab } from './tab.js'
import { nextSession, signOutSeq } from './token-record.js'
import { readToken } from './token-times.js'

/**
 * Opens a session: exchanges a member JWT, or takes up a pair.
 * @throws PerennialError as the service's call, or `CLIENT_NO_MEMBER`
 */
export async function signIn(tab: Tab, from?: string | MemberstackDom | TokenPair): Promise<void> {
  if (typeof from === 'object' && 'accessToken' in from) return takeUp(tab, from)
  const memberJwt = typeof from === 'object' ? from.getMemberCookie() : from
  if (!memberJwt) throw new PerennialError('CLIENT_NO_MEMBER')
  return acquire(tab, memberJwt)
}

function takeUp(tab: Tab, { accessToken, refreshToken }: TokenPair): void {
  const { seq, offsetSeconds } = tab.record
  const wall = Date.now() / 1000
  put(tab, {
    seq: nextSession(seq, wall),
    accessToken,
    refreshToken,
    // How old the pair is only its own clock could tell; but it was not issued in the future.
    offsetSeconds: Math.max(offsetSeconds, (readToken(accessToken).issuedAt || 0) - wall),
  })
}

/** Ends the session in all tabs; with an error where the service did so, else the service is told. */
export async function signOut(tab: Tab, error?: PerennialError): Promise<void> {
  const { seq, refreshToken, offsetSeconds, memberIssuedAt = 0 } = tab.record
  // A storage that is denied by now makes the SDK throw.
  const memberJwt = orUndefined(() => tab.memberstack?.getMemberCookie())
  if (isOpen(tab))
    put(tab, {
      // Newer than a refresh under way; but a sign-in that has begun is not undone by a refusal of what was before it.
      seq: error ? seq + 2 : signOutSeq(seq, Date.now() / 1000),
      offsetSeconds,
      // Of the member JWT that is there now, too: it is not to sign anyone in again.
      memberIssuedAt: Math.max(memberIssuedAt, readToken(memberJwt).issuedAt || 0),
      untold: tab.cookie && !error,
      error: error && [error.code, error.status],
    })
  if (!error) await tell(tab, refreshToken)
}

async function tell(tab: Tab, refreshToken: string | undefined): Promise<void> {
  const told = (tab.cookie || refreshToken) && (await endSession(tab, refreshToken))
  if (told && tab.record.untold) save(tab, (tab.record = { ...tab.record, untold: false }))
}
