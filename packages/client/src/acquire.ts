import { callService, send } from './service.js'
import { exclusive } from './shared-store.js'
import { now, put, sync, type Tab } from './tab.js'
import { nextSession } from './token-record.js'
import { readToken } from './token-times.js'

/**
 * Gets new tokens from the service and adopts them, one tab at a time. It exchanges the given member JWT, else the pending
 * one, else the refresh token. The given one is exchanged whatever other tabs did meanwhile.
 * @throws PerennialError as `callService`
 */
export function acquire(tab: Tab, given?: string): Promise<void> {
  const { held, outage, settings, store } = tab
  const { record, pendingJwt } = held
  const memberJwt = given ?? pendingJwt
  // Numbered before the call, so that a sign-out during the call is newer.
  let seq = memberJwt ? nextSession(record.seq, Date.now() / 1000) : record.seq + 1
  return exclusive(store, async () => {
    sync(tab)
    // Another tab got tokens, or a failure, while this one waited for the lock.
    if (!given && (held.record !== record || outage.retryAt > now(held))) return
    // Another tab signed in meanwhile; this sign-in is the later one.
    if (given && held.record.accessToken) seq = Math.max(seq, nextSession(held.record.seq, 0))
    const { refreshToken } = record
    const tokens = await callService(
      settings,
      memberJwt ? { route: 'session', memberJwt } : { route: 'refresh-token', refreshToken },
    )
    const memberIssuedAt = memberJwt ? readToken(memberJwt).issuedAt : record.memberIssuedAt
    put(tab, { seq, ...tokens, memberIssuedAt })
    // The member signed out during the call: the session that was just opened ends too.
    if (!held.record.accessToken) await endSession(tab, tokens.refreshToken)
  })
}

/** Tells the service that the session has ended. Returns true if the service answered. */
export function endSession(tab: Tab, refreshToken: string | undefined): Promise<boolean> {
  return send(tab.settings, { method: 'DELETE', route: 'session', refreshToken }).then(
    ({ ok }) => ok,
    () => false,
  )
}
