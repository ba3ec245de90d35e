import { endLocally, identify, isUsed, leave, memberJwtOf } from './end-session.js'
import { endSession } from './service.js'
import { isKnown, type CompareMember, type Held, type Tab } from './tab.js'
import { lastOf, type MemberJwt } from './token-record.js'

/** Creates the comparison of a tab. It decides when the SDK's member JWT is exchanged, and when its loss signs out. */
export function createComparison(tab: Tab): CompareMember {
  const { held } = tab
  /** One exchange may be made while there is no session; each load, return and report allows another one. */
  let mayExchange = true

  const present = (memberJwt: string, isReport: boolean): boolean => {
    const { record, pendingJwt, unknown } = held
    const { userId, usedJwt } = record
    const jwt = identify(memberJwt)
    if (!jwt[0] || isUsed(jwt, usedJwt)) return false
    held.memberJwt = jwt
    if (userId && userId !== jwt[0]) {
      mayExchange = true
      replaceSession(tab)
      return false
    }
    const isWanted = pendingJwt
      ? pendingJwt !== memberJwt
      : mayExchange && !unknown && isBetter(held, jwt, isReport)
    if (isWanted) {
      held.pendingJwt = memberJwt
      mayExchange = false
    }
    return isWanted
  }
  return (occasion) => {
    const isReport = occasion === 'report'
    mayExchange ||= isReport || occasion === 'return'
    const found = memberJwtOf(tab)
    if (found) return present(found, isReport)
    // A report can come before the JWT is stored.
    if (found === undefined || isReport || !occasion) return false
    const { record, pendingJwt, memberJwt = record.memberJwt } = held
    held.pendingJwt = undefined
    if (memberJwt && isKnown(held)) void leave(tab)
    return !!pendingJwt
  }
}

/**
 * Ends the session of the old member. The comparison with the new record then starts the exchange. A sign-in that is under
 * way in another tab is the new member's, so it must not be older than this end.
 */
function replaceSession(tab: Tab): void {
  const { held, settings } = tab
  const { record } = held
  const { seq, memberJwt } = record
  endLocally(tab, {
    seq: lastOf(seq),
    error: ['CLIENT_MEMBER_CHANGED', 0],
    untold: settings.cookie,
    memberJwt,
  })
  // In `cookie` mode the exchange replaces the old session.
  if (record.refreshToken) void endSession(settings, record)
}

/**
 * Returns true if there is no session, or one of the same member from an older JWT. When the SDK drops the JWT of a session, another tab
 * may see it for a moment longer: only a report, which is a sign-in, brings it back.
 */
function isBetter(held: Held, jwt: MemberJwt, isReport: boolean): boolean {
  const { memberJwt } = held.record
  return isUsed(jwt, memberJwt) ? isReport && !isKnown(held) : !!memberJwt || !isKnown(held)
}
