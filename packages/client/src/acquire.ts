import { callService, send } from './service.js'
import { exclusive } from './shared-store.js'
import { now, put, sync, type Tab } from './tab.js'
import { nextSession } from './token-record.js'
import { readToken } from './token-times.js'

/**
 * Gets new tokens and takes them up, one at a time in this browser: for a member JWT, else for one that is still to be
 * exchanged, else for the refresh token. Only for the first is the service asked whatever another tab did meanwhile.
 * @throws PerennialError as the service's call
 */
export function acquire(tab: Tab, asked?: string): Promise<void> {
  const { record, wish } = tab
  const memberJwt = asked ?? wish
  // Numbered now: a sign-out that comes while this is under way is newer.
  let seq = memberJwt ? nextSession(record.seq, Date.now() / 1000) : record.seq + 1
  return exclusive(tab, async () => {
    sync(tab)
    // Another tab was quicker, or has just heard that it is no use.
    if (!asked && (tab.record !== record || tab.retryAt > now(tab))) return
    // Another sign-in was quicker: this one comes after it.
    if (asked && tab.record.accessToken) seq = Math.max(seq, nextSession(tab.record.seq, 0))
    const { refreshToken } = record
    const tokens = await callService(
      tab,
      memberJwt ? { route: 'session', memberJwt } : { route: 'refresh-token', refreshToken },
    )
    const memberIssuedAt = memberJwt ? readToken(memberJwt).issuedAt : record.memberIssuedAt
    put(tab, { seq, ...tokens, memberIssuedAt })
    // Signed out meanwhile: what was just opened is closed too.
    if (!tab.record.accessToken) await endSession(tab, tokens.refreshToken)
  })
}

/** Tells the service that the session is over; whether it heard it. */
export function endSession(tab: Tab, refreshToken: string | undefined): Promise<boolean> {
  return send(tab, { method: 'DELETE', route: 'session', refreshToken }).then(
    ({ ok }) => ok,
    () => false,
  )
}
