import { acquire, endSession } from './acquire.js'
import { orUndefined } from './or-undefined.js'
import { PerennialError } from './perennial-error.js'
import type { MemberstackDom, TokenPair } from './session.js'
import { save } from './shared-store.js'
import { isOpen, put, type Tab } from './tab.js'
import { nextSession, signOutSeq } from './token-record.js'
import { readToken } from './token-times.js'

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

function adoptPair(tab: Tab, { accessToken, refreshToken }: TokenPair): void {
  const { seq, offsetSeconds } = tab.held.record
  const wall = Date.now() / 1000
  put(tab, {
    seq: nextSession(seq, wall),
    accessToken,
    refreshToken,
    // The age of the pair is not known, but it was not issued in the future.
    offsetSeconds: Math.max(offsetSeconds, (readToken(accessToken).issuedAt || 0) - wall),
  })
}

/** Ends the session in all tabs. Without an error (the service's refusal) the service is told too. */
export async function signOut(tab: Tab, error?: PerennialError): Promise<void> {
  const { held, settings } = tab
  const { seq, refreshToken, offsetSeconds, memberIssuedAt = 0 } = held.record
  // The SDK throws if the page's storage was denied meanwhile.
  const memberJwt = orUndefined(() => settings.memberstack?.getMemberCookie())
  if (isOpen(held))
    put(tab, {
      // Newer than a refresh under way. After a refusal, older than a sign-in that has begun.
      seq: error ? seq + 2 : signOutSeq(seq, Date.now() / 1000),
      offsetSeconds,
      // The member JWT that is there now must not sign the member in again.
      memberIssuedAt: Math.max(memberIssuedAt, readToken(memberJwt).issuedAt || 0),
      untold: settings.cookie && !error,
      error: error && [error.code, error.status],
    })
  if (!error) await tell(tab, refreshToken)
}

async function tell(tab: Tab, refreshToken: string | undefined): Promise<void> {
  const { held, settings, store } = tab
  const told = (settings.cookie || refreshToken) && (await endSession(tab, refreshToken))
  if (told && held.record.untold) save(store, (held.record = { ...held.record, untold: false }))
}
