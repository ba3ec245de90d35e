import { callService, send } from './service.js'
import { exclusive } from './shared-store.js'
import { now, put, sync, type Tab } from './tab.js'
import { nextSession } from './token-record.js'
import { readToken } from './token-times.js'

/** What is asked for. */
export interface Acquisition {
  /** Exchange this member JWT; without it, refresh. */
  readonly memberJwt?: string | undefined
  /** Ask the service whatever another tab did meanwhile. */
  readonly always?: boolean
}

/**
 * Gets new tokens and takes them up: one at a time in this browser.
 * @throws PerennialError as the service's call
 */
export function acquire(tab: Tab, { memberJwt, always }: Acquisition): Promise<void> {
  const { record } = tab
  // Numbered now: a sign-out that comes while this is under way is newer.
  const seq = memberJwt ? nextSession(record.seq, Date.now() / 1000) : record.seq + 1
  return exclusive(tab, async () => {
    sync(tab)
    // Another tab was quicker, or has just heard that it is no use.
    if (!always && (tab.record !== record || tab.retryAt > now(tab))) return
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
